package rollup

import (
	"slices"
	"strings"
)

// Label is one name and value of a series. The value is the bytes as they were
// meant, without the escapes of the exposition format.
type Label struct{ Name, Value string }

// Series identifies one metric with its labels, as canonical text of the
// exposition format: the name, then, if there are labels, a brace with them
// sorted by name and their values escaped. Two series are the same exactly when
// their texts are. The text never holds cluster_id: whose series it is stands
// beside it.
//
//	cozy_nodes_count{kernel="6.6.64-talos",os="linux"}
type Series string

// NewSeries returns the series of a metric with labels. It sorts labels in
// place. Names must be valid in the exposition format and each occur once, and
// values must be UTF-8; the caller has checked that.
func NewSeries(metric string, labels []Label) Series {
	if len(labels) == 0 {
		return Series(metric)
	}
	slices.SortFunc(labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString(metric)
	sep := byte('{')
	for _, l := range labels {
		b.WriteByte(sep)
		b.WriteString(l.Name)
		b.WriteString(`="`)
		escape(&b, l.Value)
		b.WriteByte('"')
		sep = ','
	}
	b.WriteByte('}')
	return Series(b.String())
}

// Metric returns the metric's name.
func (s Series) Metric() string {
	name, _, _ := strings.Cut(string(s), "{")
	return name
}

// LabelText returns the labels as they stand between the braces, "" if none.
func (s Series) LabelText() string {
	_, labels, _ := strings.Cut(string(s), "{")
	return strings.TrimSuffix(labels, "}")
}

// Label returns the unescaped value of a label, "" if the series lacks it.
func (s Series) Label(name string) string {
	for l := range s.labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Labels returns all labels, sorted by name.
func (s Series) Labels() []Label { return slices.Collect(s.labels) }

// labels walks the canonical text. It is an iter.Seq.
func (s Series) labels(yield func(Label) bool) {
	rest := s.LabelText()
	for rest != "" {
		name, after, _ := strings.Cut(rest, `="`)
		end := closingQuote(after)
		if !yield(Label{name, unescape(after[:end])}) {
			return
		}
		rest = strings.TrimPrefix(after[min(end+1, len(after)):], ",")
	}
}

// closingQuote returns the index of the first quote that is not escaped, or the
// length of the text where there is none.
func closingQuote(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}

// escape writes a label value by the rules of the exposition format, which
// escapes backslash, double quote and line feed, and nothing else.
func escape(b *strings.Builder, v string) {
	for {
		i := strings.IndexAny(v, "\\\"\n")
		if i < 0 {
			b.WriteString(v)
			return
		}
		b.WriteString(v[:i])
		b.WriteByte('\\')
		if v[i] == '\n' {
			b.WriteByte('n')
		} else {
			b.WriteByte(v[i])
		}
		v = v[i+1:]
	}
}

func unescape(v string) string {
	if !strings.Contains(v, `\`) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			b.WriteByte(v[i])
			continue
		}
		i++
		if v[i] == 'n' {
			b.WriteByte('\n')
		} else {
			b.WriteByte(v[i])
		}
	}
	return b.String()
}
