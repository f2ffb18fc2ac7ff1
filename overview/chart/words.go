package chart

import "strings"

// words say what the bars show, for those who do not see them.
func (c Bars) words() string {
	rows, more := c.shown()
	said := []string{c.opening()}
	if len(rows) == 0 {
		return join(append(said, "No data."))
	}
	highest := -1
	unknown := 0
	for i, r := range rows {
		switch {
		case !r.Value.known:
			unknown++
		case !r.Other && (highest < 0 || r.Value.n > rows[highest].Value.n):
			highest = i
		}
	}
	said = append(said, Plural(len(rows), "bar", "bars")+".")
	if highest >= 0 {
		said = append(said, "Highest: "+c.sentence(rows[highest])+".")
	}
	if unknown > 0 {
		said = append(said, Plural(unknown, "is", "are")+" unknown.")
	}
	if more > 0 {
		said = append(said, Grouped(more)+" more in the table.")
	}
	if c.Unfinished {
		said = append(said, "The month is not over.")
	}
	return join(said)
}

// opening is what both forms begin with: what is counted.
func (f Frame) opening() string {
	if counted := f.axis(); counted != "" {
		return "Counted: " + counted + "."
	}
	return ""
}

// sentence is all that is known of a row.
func (c Bars) sentence(r Row) string {
	return apart(r.Label) + ": " + c.amount(r.Value)
}

// amount is a number with its unit and its share.
func (f Frame) amount(v Value) string {
	if !v.known {
		return "unknown"
	}
	words := strings.TrimSpace(full(v.n) + " " + f.unit(v.n))
	if share := Share(v, f.Whole); share != "" {
		words += " (" + share + ")"
	}
	return words
}

// unit is what n are: of one, the first word without its s.
func (f Frame) unit(n float64) string {
	if n != 1 {
		return f.Unit
	}
	word, rest, _ := strings.Cut(f.Unit, " ")
	return strings.TrimSuffix(word, "s") + " " + rest
}

// sentence is all that is known of month i.
func (p plot) sentence(i int) string {
	var said []string
	for _, s := range p.Series {
		words := p.amount(s.Values[i])
		if s.Name != "" {
			words = apart(s.Name) + " " + words
		}
		said = append(said, words)
	}
	name := p.name(i)
	if !p.knownAt(i) {
		return name + ": no data"
	}
	if p.running(i) {
		name += " so far"
	}
	return name + ": " + strings.Join(said, ", ")
}

// words say what the lines show, for those who do not see them.
func (p plot) words() string {
	said := []string{p.opening()}
	if !p.any {
		return join(append(said, "No data."))
	}
	said = append(said, Plural(p.months, "month", "months")+", "+p.name(0)+" to "+p.name(p.months-1)+".")
	for _, s := range p.Series {
		said = append(said, p.gist(s))
	}
	unknown := 0
	for i := range p.months {
		if !p.knownAt(i) {
			unknown++
		}
	}
	if unknown > 0 {
		said = append(said, "No data for "+Plural(unknown, "month", "months")+".")
	}
	if p.older > 0 {
		said = append(said, Plural(p.older, "older month is", "older months are")+" in the table.")
	}
	return join(said)
}

// gist is the newest, the highest and the trend of a series.
func (p plot) gist(s Series) string {
	newest, highest, first := -1, -1, -1
	for i, v := range s.Values {
		if !v.known {
			continue
		}
		newest = i
		if first < 0 {
			first = i
		}
		if highest < 0 || v.n >= s.Values[highest].n {
			highest = i // the newest of equals
		}
	}
	name := ""
	if s.Name != "" {
		name = apart(s.Name) + ": "
	}
	if newest < 0 {
		return name + "no data."
	}
	words := name + p.amount(s.Values[newest]) + " in " + p.name(newest)
	if p.running(newest) {
		words += ", which is not over"
	}
	if highest != newest {
		words += "; the highest was " + full(s.Values[highest].n) + " in " + p.name(highest)
	} else if s.Values[newest].n > s.Values[first].n {
		words += ", the highest"
	}
	return words + p.trend(s, first, newest) + "."
}

// trend compares the first month that is known with the last that is over.
func (p plot) trend(s Series, first, last int) string {
	for last > first && (p.running(last) || !s.Values[last].known) {
		last--
	}
	from, to := s.Values[first].n, s.Values[last].n
	span := " from " + p.name(first) + " to " + p.name(last)
	switch {
	case first == last:
		return ""
	case from == to:
		return "; unchanged" + span
	case from == 0:
		return "; up from 0" + span
	case to > from:
		return "; up " + change(to/from-1) + span
	}
	return "; down " + change(1-to/from) + span
}

// change is a part of the whole as people say it.
func change(part float64) string {
	switch {
	case part >= 1e6:
		return "to more than a million times"
	case part >= 9:
		return "to " + full(round(part+1, 2)) + " times"
	}
	return full(round(part*100, 2)) + " %"
}

func join(said []string) string { return strings.TrimSpace(strings.Join(said, " ")) }
