// @ts-check
// Runs before the page is drawn, so that nobody who has chosen dark is dazzled first: a plain script, no module.
{
  const KEY = 'nestjs-advisory-lock.theme';
  const root = document.documentElement;
  const darkness = matchMedia('(prefers-color-scheme: dark)');

  // A browser may keep pages from storing anything: then the choice lasts as long as the page.
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  } catch {
    // It follows the system.
  }

  const isDark = () => (root.dataset.theme ?? (darkness.matches ? 'dark' : 'light')) === 'dark';

  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const tell = () => button?.setAttribute('aria-pressed', String(isDark()));
    tell();
    darkness.addEventListener('change', tell);
    button?.addEventListener('click', () => {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      tell();
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // Not remembered.
      }
    });
  });
}
