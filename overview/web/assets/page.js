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

for (const plot of document.querySelectorAll(".plot")) startReadout(plot);

// startReadout lets people read a chart piece by piece: by pointing at it, or by arrow keys
// in a line below it, which tells screen readers what it reads.
function startReadout(plot) {
  const chart = plot.querySelector("svg");
  const pieces = [...chart.querySelectorAll("[data-text]")];
  if (pieces.length === 0) return;
  const across = chart.classList.contains("chart-line");
  const line = document.createElement("div");
  for (const [name, value] of Object.entries({
    "class": "readout", "role": "slider", "tabindex": "0", "aria-valuemin": "1", "aria-valuemax": pieces.length,
    "aria-label": `Read the chart: ${chart.querySelector("title").textContent}`,
  })) line.setAttribute(name, value);
  if (across) line.textContent = "Point at the chart, or use the arrow keys here, to read a month.";

  let at = -1;
  const read = (next) => {
    pieces[at]?.classList.remove("is-read");
    at = Math.max(0, Math.min(pieces.length - 1, next));
    pieces[at].classList.add("is-read");
    line.textContent = pieces[at].dataset.text;
    describe(at);
  };
  const describe = (i) => {
    line.setAttribute("aria-valuenow", i + 1);
    line.setAttribute("aria-valuetext", pieces[i].dataset.text);
  };
  // Nothing is read at first: the keys begin with the newest month, or the largest bar.
  const first = across ? pieces.length - 1 : 0;
  describe(first);
  line.addEventListener("focus", () => { if (at < 0) read(first); });
  line.addEventListener("keydown", (event) => {
    const next = {
      ArrowRight: at + 1, ArrowDown: across ? at - 1 : at + 1, ArrowLeft: at - 1, ArrowUp: across ? at + 1 : at - 1,
      Home: 0, End: pieces.length - 1, PageUp: at - 12, PageDown: at + 12,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    read(next);
  });
  for (const kind of ["pointermove", "pointerdown"]) {
    chart.addEventListener(kind, (event) => read(nearest(pieces, across, event)));
  }
  plot.append(line);
}

// nearest is the piece whose middle is the closest to the pointer.
function nearest(pieces, across, event) {
  const distances = pieces.map((piece) => {
    const box = piece.getBoundingClientRect();
    return across ? Math.abs(box.left + box.width / 2 - event.clientX) : Math.abs(box.top + box.height / 2 - event.clientY);
  });
  return distances.indexOf(Math.min(...distances));
}

const picker = document.getElementById("months");
if (picker) startPicker(picker);

// startPicker makes the list of months a menu: keys walk through it, and it closes by Escape
// or when something else is clicked.
function startPicker(picker) {
  const summary = picker.querySelector("summary");
  const months = [...picker.querySelectorAll("a")];
  months.sort((a, b) => (monthOf(a) < monthOf(b) ? -1 : 1));
  picker.addEventListener("toggle", () => {
    if (picker.open) (months.find((a) => a.hasAttribute("aria-current")) ?? months.at(-1))?.focus();
  });
  picker.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && picker.open) {
      picker.open = false;
      summary.focus();
      return;
    }
    const at = months.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: -12, ArrowUp: 12 }[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    months[Math.max(0, Math.min(months.length - 1, at + step))].focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!picker.contains(event.target)) picker.open = false;
  });
}

function monthOf(link) {
  return link.querySelector("time").dateTime;
}
