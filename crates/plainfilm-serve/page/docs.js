// The documentation of the API, drawn from openapi.json.
import { h } from './dom.js';

const schemas = {};

/** A schema in a few words, as one would write an example of it. */
function shape(schema, indent = '', depth = 0) {
  if (!schema) return 'anything';
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    return depth > 1 ? name : shape(schemas[name], indent, depth + 1);
  }
  const type = Array.isArray(schema.type) ? schema.type.filter((one) => one !== 'null')[0] : schema.type;
  const orNull = Array.isArray(schema.type) && schema.type.includes('null') ? ' or null' : '';
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' or ');
  if (type === 'array') return `[${shape(schema.items, indent, depth)}, …]${orNull}`;
  if (type === 'object' && schema.properties) {
    const inner = `${indent}  `;
    const lines = Object.entries(schema.properties).map(([name, one]) => {
      const optional = schema.required && !schema.required.includes(name) ? '?' : '';
      const note = one.description ? `   # ${one.description}` : '';
      return `${inner}${name}${optional}: ${shape(one, inner, depth + 1)}${note}`;
    });
    return `{\n${lines.join('\n')}\n${indent}}${orNull}`;
  }
  if (schema.additionalProperties) return `{name: ${shape(schema.additionalProperties, indent, depth)}, …}${orNull}`;
  if (schema.format === 'binary') return 'bytes';
  return `${type ?? 'anything'}${orNull}`;
}

function content(parts) {
  return Object.entries(parts ?? {}).map(([media, { schema }]) => [
    h('p', {}, h('code', {}, media)),
    shape(schema).length > 12 ? h('pre', { class: 'shape', tabindex: 0 }, shape(schema)) : null,
  ]);
}

function parameters(list) {
  if (!list?.length) return null;
  const rows = list.map((one) => h('tr', {},
    h('th', { scope: 'row' }, h('code', {}, one.name)), h('td', {}, one.in),
    h('td', {}, one.description, one.schema.enum ? ` One of ${one.schema.enum.join(', ')}.` : '')));
  return [h('h4', {}, 'Parameters'), h('div', { class: 'scroll', tabindex: 0 }, h('table', { class: 'plain' },
    h('thead', {}, h('tr', {}, ['Name', 'In', 'What it does'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, rows)))];
}

function responses(all) {
  return [h('h4', {}, 'Answers'), Object.entries(all).map(([status, one]) => h('div', {},
    h('p', {}, h('strong', { class: 'number' }, status), ` ${one.description}`),
    status === '200' ? content(one.content) : null))];
}

function operation(verb, path, one) {
  return h('details', { class: 'card operation' },
    h('summary', {}, h('span', { class: `verb ${verb}` }, verb.toUpperCase()), h('code', {}, path), h('span', { class: 'quiet' }, one.summary)),
    h('div', { class: 'inside' }, parameters(one.parameters),
      one.requestBody ? [h('h4', {}, 'Body'), h('p', {}, one.requestBody.description), content(one.requestBody.content)] : null,
      responses(one.responses)));
}

const api = await (await fetch('/openapi.json')).json();
Object.assign(schemas, api.components.schemas);
document.getElementById('lead').replaceChildren(
  'Every address of this service. A program can read the same from ', h('a', { href: '/openapi.json' }, 'openapi.json'), '.');
const groups = new Map();
for (const [path, verbs] of Object.entries(api.paths)) {
  for (const [verb, one] of Object.entries(verbs)) {
    const [group] = one.tags;
    groups.set(group, [...(groups.get(group) ?? []), operation(verb, path, one)]);
  }
}
const order = ['films', 'models', 'open inference protocol', 'operation'];
document.getElementById('api').replaceChildren(...order.flatMap((group) => [
  h('h2', { class: 'group' }, group), ...(groups.get(group) ?? [])]));
