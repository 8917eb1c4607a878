// @ts-check Runs before the page is drawn, so that a page in dark mode does not flash in light: a plain
// script, not a module.
{
  const KEY = 'nestjs-advisory-lock.theme';
  const root = document.documentElement;
  const darkness = matchMedia('(prefers-color-scheme: dark)');

  // A browser may forbid pages to store anything. The choice then lasts until the page is closed.
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  } catch {
    // The page follows the system's theme.
  }

  const isDark = () => (root.dataset.theme ?? (darkness.matches ? 'dark' : 'light')) === 'dark';

  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const showState = () => button?.setAttribute('aria-pressed', String(isDark()));
    showState();
    darkness.addEventListener('change', showState);
    button?.addEventListener('click', () => {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      showState();
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // The choice is not remembered.
      }
    });
  });
}
