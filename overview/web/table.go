package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// section is a part of the page below a heading.
type section struct {
	ID, Title, Lead string
	Figures         []figure
	// Missing says why there is nothing, where there is nothing.
	Missing string
	// Half is set where it takes half of a wide page: two of them follow each other.
	Half bool
}

// figure is a chart with the table that has the same figures, or one of the two.
type figure struct {
	// ID is also the beginning of the ids within it.
	ID string
	// Title is "" where that of the section is enough. Lead says of what the figures are.
	Title, Lead string
	Chart       template.HTML
	Table       *table
	// CSV is where the same figures are for a spreadsheet, "" if nowhere.
	CSV string
	// Wide is set where it takes all of the width, Folded where its table is to be opened
	// although there is no chart.
	Wide, Folded bool
}

// table has a caption, a row of heads, and rows that each begin with a head.
type table struct {
	Caption string
	Heads   []string
	Rows    []row
}

type row struct {
	Head  head
	Cells []cell
}

// head is what a row is of. All but Text may be "". Note is what is special of it.
type head struct{ Text, Time, Href, Note string }

// cell is a figure, a text, or nothing that is known.
type cell struct {
	// Value is for programs, Text for people. No Text: not known.
	Value, Text string
	// Time is set where the text is a date.
	Time string
	// Heat is from 1 to 5 where the cell is tinted by its size, else 0.
	Heat int
}

func count(n int64) cell { return cell{Value: strconv.FormatInt(n, 10), Text: chart.Grouped(n)} }

// counted is a figure that may be unknown.
func counted[N int | int64](n *N) cell {
	if n == nil {
		return cell{}
	}
	return count(int64(*n))
}

// days is a number of days; nil: not known.
func days(n *int) cell {
	if n == nil {
		return cell{}
	}
	return cell{Value: strconv.Itoa(*n), Text: chart.Plural(*n, "day", "days")}
}

// part is a count with how much it is of all, tinted. It is for counts that are rounded:
// decimals would say what is not known.
func part(n *int64, all int64) cell {
	if n == nil {
		return cell{}
	}
	c := count(*n)
	if all > 0 {
		c.Text += fmt.Sprintf(" (%.0f\u00a0%%)", 100*float64(*n)/float64(all))
		c.Heat = min(5, 1+int(*n*5/all))
	}
	return c
}

func monthHead(m rollup.MonthID) head { return head{Text: m.Name(), Time: m.String()} }

// monthLead is the head of a row of a month, which leads to it where something is known of
// it, and says if it is not over.
func (p *Page) monthLead(m rollup.MonthID, known bool) head {
	h := monthHead(m)
	if known {
		h.Href = p.choice("", false, func(c *Choice) { c.Month, c.Span = m, Month }).Href
	}
	if p.isUnfinished(m) {
		h.Note = "not over"
	}
	return h
}

// decimal writes a number with at most one decimal, grouped.
func decimal(v float64) string {
	if v >= 1e15 || v <= -1e15 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	tenths := strconv.FormatFloat(v, 'f', 1, 64)
	whole, tenth := tenths[:len(tenths)-2], tenths[len(tenths)-1:]
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return tenths
	}
	if tenth == "0" {
		return chart.Grouped(n)
	}
	return chart.Grouped(n) + "." + tenth
}

// plain writes a number for programs.
func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func itoa(n int) string { return strconv.Itoa(n) }

// lowered begins a text in the middle of a sentence, unless it begins with a name.
func lowered(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// bytesText writes bytes in the unit in which they are few.
func bytesText(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	at := 0
	for v >= 1024 && at < len(units)-1 {
		v /= 1024
		at++
	}
	return decimal(v) + " " + units[at]
}
