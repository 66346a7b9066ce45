// Numbers as text.

const count = new Intl.NumberFormat('en');

/** A share or probability: 0.93. */
export const two = (value) => (Number.isFinite(value) ? value.toFixed(2) : 'unknown');
/** The same with three digits, where it stands beside a threshold. */
export const three = (value) => (Number.isFinite(value) ? value.toFixed(3) : 'unknown');
/** 1,167,586 */
export const whole = (value) => count.format(value);
/** 2.6 MB */
export const bytes = (value) => (value >= 1e6 ? `${value >= 1e7 ? Math.floor(value / 1e6) : (value / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(value / 1e3))} kB`);
/** "1 film", "2 films" */
export const films = (value) => `${whole(value)} ${value === 1 ? 'film' : 'films'}`;
/** A value with its interval: 0.81 (0.70 to 0.88) */
export const interval = ({ value, low, high }) =>
  Number.isFinite(low) && Number.isFinite(high) ? `${two(value)} (${two(low)} to ${two(high)})` : two(value);
