// What a page gains by a script: the theme by hand, the readout of charts, and keys for the
// choice of months. All figures are there without it.

const button = document.getElementById("theme");
if (button) startTheme(button);

// startTheme lets people choose light or dark instead of what their system says.
function startTheme(button) {
  const root = document.documentElement;
  const themes = ["system", "light", "dark"];
  const show = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  let theme = remembered();
  show(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show(theme);
    remember(theme);
  });
}

// A browser may refuse storage; then a choice holds for this page.
function remembered() {
  try {
    const theme = localStorage.getItem("theme");
    return theme === "light" || theme === "dark" ? theme : "system";
  } catch {
    return "system";
  }
}

function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {}
}
