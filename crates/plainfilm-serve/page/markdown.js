// Markdown of a model card as elements: headings, paragraphs, lists, tables, quotations, code, bold, emphasis.
// Everything else, HTML above all, stays text.

import { h } from './dom.js';

/** The parts of one line. */
export function inline(text) {
  const parts = [];
  const pattern = /`([^`]+)`|\*\*(.+?)\*\*|(?<![\w*])[*_](?=\S)([^*_]+?)[*_](?![\w*])|!?\[([^\]]+)\]\(([^)\s]+)\)/g;
  let at = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > at) parts.push(text.slice(at, found.index));
    const [all, code, bold, emphasis, link, address] = found;
    if (code !== undefined) parts.push(h('code', {}, code));
    else if (bold !== undefined) parts.push(h('strong', {}, inline(bold)));
    else if (emphasis !== undefined) parts.push(h('em', {}, inline(emphasis)));
    else if (/^https?:\/\//.test(address) && all[0] !== '!') parts.push(h('a', { href: address, rel: 'noopener noreferrer', target: '_blank' }, inline(link)));
    else parts.push(inline(link));
    at = found.index + all.length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts.flat();
}

const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const cells = (line) => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
const isRule = (line) => /^\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$/.test(line ?? '') && line.includes('|');

function list(lines) {
  const [, , sign] = ITEM.exec(lines[0]);
  const indent = /^\s*/.exec(lines[0])[0].length;
  const items = [];
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found && found[1].length <= indent + 1) items.push({ text: found[3], inner: [] });
    else if (found || items.at(-1).inner.length > 0) items.at(-1).inner.push(line);
    else items.at(-1).text += ` ${line.trim()}`;
  }
  return h(/\d/.test(sign) ? 'ol' : 'ul', {}, items.map(({ text, inner }) =>
    h('li', {}, inline(text), inner.length > 0 ? list(inner) : null)));
}

function table(lines) {
  const [head, , ...rows] = lines.map(cells);
  const sides = cells(lines[1]).map((rule) => (rule.endsWith(':') ? 'right' : null));
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Table: ${head.join(', ')}` }, h('table', { class: 'plain' },
    h('thead', {}, h('tr', {}, head.map((cell, i) => h('th', { scope: 'col', class: sides[i] }, inline(cell))))),
    h('tbody', {}, rows.map((row) => h('tr', {}, head.map((_, i) => h('td', { class: sides[i] }, inline(row[i] ?? ''))))))));
}

/** Elements for a text; `# ` becomes a heading of the given level. */
export function markdown(text, level = 3) {
  // A card begins with a block of settings for machines, between two lines of dashes.
  const lines = text.replace(/\r\n?/g, '\n').replace(/^---\n[\s\S]*?\n---\n/, '').replace(/<!--[\s\S]*?-->/g, '').split('\n');
  const out = [];
  let at = 0;
  const starts = (line, next) => /^(#{1,6}\s|```|>|\s*([-*+]|\d+[.)])\s)/.test(line) || (line.includes('|') && isRule(next));
  const take = (fits) => {
    const from = at;
    while (at < lines.length && fits(lines[at], at)) at += 1;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (!line.trim()) at += 1;
    else if (heading) {
      out.push(h(`h${Math.min(6, heading[1].length + level - 1)}`, {}, inline(heading[2])));
      at += 1;
    } else if (line.startsWith('```')) {
      at += 1;
      const code = take((next) => !next.startsWith('```'));
      at += 1;
      out.push(h('pre', { tabindex: 0 }, h('code', {}, code.join('\n'))));
    } else if (/^(-{3,}|\*{3,}|_{3,})\s*$/.test(line)) {
      out.push(h('hr'));
      at += 1;
    } else if (line.startsWith('>')) {
      out.push(h('blockquote', {}, markdown(take((next) => next.startsWith('>')).map((next) => next.replace(/^>\s?/, '')).join('\n'), level)));
    } else if (line.includes('|') && isRule(lines[at + 1])) {
      out.push(table(take((next) => next.includes('|'))));
    } else if (ITEM.test(line)) {
      out.push(list(take((next, i) => next.trim() && (i === at || ITEM.test(next) || /^\s/.test(next) || !starts(next, lines[i + 1])))));
    } else {
      const from = at;
      out.push(h('p', {}, inline(take((next, i) => next.trim() && (i === from || !starts(next, lines[i + 1]))).join(' '))));
    }
  }
  return out;
}
