// Light or dark, before the first paint: a classic script, so that no wrong colours flash up.
(() => {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const remembered = () => { try { return localStorage.getItem('plainfilm-theme'); } catch { return null; } };
  const remember = (value) => { try { localStorage.setItem('plainfilm-theme', value); } catch { /* private window */ } };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : dark.matches);
  const name = () => {
    const button = document.getElementById('theme');
    if (button) button.setAttribute('aria-label', isDark() ? 'Use the light colours' : 'Use the dark colours');
  };
  const chosen = remembered();
  if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  dark.addEventListener('change', name);
  document.addEventListener('DOMContentLoaded', name);
  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || !event.target.closest('#theme')) return;
    root.dataset.theme = isDark() ? 'light' : 'dark';
    remember(root.dataset.theme);
    name();
  });
})();
