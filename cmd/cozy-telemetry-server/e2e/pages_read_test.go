package e2e

import (
	"encoding/json"
	"strconv"
	"testing"
)

// sight is what a page shows.
type sight struct {
	Heading string
	Notices []string
	Tiles   map[string]struct{ Figure, Beside *int64 }
	Figures map[string]drawing
}

// drawing is a figure with a chart, a table, or both.
type drawing struct {
	// Heads are those of the columns, Rows what stands below: a number as programs read it,
	// a text, or nil for what is not known.
	Heads []string
	Rows  [][]*string
	// Bars are the rows of a chart, Months those of one over months.
	Charts       int
	Bars, Months []mark
	// Note is what the chart says in words, Axis what it counts.
	Note, Axis string
	CSV        string
	// Nameless is set where a chart does not say to those who can't see it what it is.
	Nameless bool
}

// mark is what a chart has of a row or a month: a value of each series, nil if not known.
type mark struct {
	Label  string
	Values [2]*string
}

// reading finds out in the page what a sight is.
const reading = `JSON.stringify((() => {
  const all = (at, selector) => [...at.querySelectorAll(selector)];
  const number = (at) => at ? Number(at.value) : null;
  const cell = (at) => {
    const data = at.querySelector("data"), time = at.querySelector("time");
    if (data) return data.value;
    if (time) return time.dateTime;
    if (at.querySelector("[aria-hidden]")) return null;
    return at.querySelector("bdi")?.textContent ?? at.textContent;
  };
  const mark = (g) => ({ Label: g.dataset.label, Values: [g.dataset.value ?? null, g.getAttribute("data-value-2")] });
  const tiles = {}, figures = {};
  for (const tile of all(document, "[data-tile]")) {
    tiles[tile.dataset.tile] = { Figure: number(tile.querySelector(".figure data")), Beside: number(tile.querySelector(".beside data")) };
  }
  for (const f of all(document, "figure[id]")) {
    figures[f.id] = {
      Heads: all(f, "thead th").map((h) => h.textContent),
      Rows: all(f, "tbody tr").map((r) => [...r.children].map(cell)),
      Charts: all(f, "svg.chart").length,
      Bars: all(f, "g.chart-row").map(mark),
      Months: all(f, "g.chart-month").map(mark),
      Note: all(f, "text.chart-note").map((n) => n.textContent).join(" "),
      Axis: f.querySelector("text.chart-axis")?.textContent ?? "",
      CSV: f.querySelector("a.csv")?.href ?? "",
      Nameless: all(f, "svg.chart").some((svg) => svg.getAttribute("role") !== "img" ||
        !(svg.getAttribute("aria-labelledby") ?? "").split(" ").every((id) => document.getElementById(id)?.textContent)),
    };
  }
  return {
    Heading: document.querySelector("h1").textContent, Tiles: tiles, Figures: figures,
    Notices: all(document, "aside.notice").map((n) => n.textContent.trim()),
  };
})())`

// read opens an address and returns what it shows.
func (p *tab) read(url string) sight {
	p.t.Helper()
	p.visit(url)
	return p.sight()
}

// sight returns what the page shows.
func (p *tab) sight() (s sight) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(eval[string](p, reading)), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// column returns a column of a table by the first one, which names the rows.
func (d drawing) column(t *testing.T, head string) map[string]*int64 {
	t.Helper()
	at := -1
	for i, h := range d.Heads {
		if h == head {
			at = i
		}
	}
	if at < 0 {
		t.Fatalf("there is no column %q of %q", head, d.Heads)
	}
	values := make(map[string]*int64, len(d.Rows))
	for _, row := range d.Rows {
		values[*row[0]] = nil
		if row[at] == nil {
			continue
		}
		n, err := strconv.ParseInt(*row[at], 10, 64)
		if err != nil {
			t.Fatalf("%s of %s: %v", head, *row[0], err)
		}
		values[*row[0]] = &n
	}
	return values
}
