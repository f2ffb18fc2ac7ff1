package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// widths are those that a chart is looked at: the narrowest, a column, and a wide screen.
var widths = []float64{narrowest, 520, 1200}

// known elements and attributes: nothing else may be in an SVG, so no style, no script, no
// handler and no address.
var (
	elements   = strings.Fields("svg g title desc text line path rect circle")
	attributes = strings.Fields(`xmlns class role aria-labelledby id width height viewBox preserveAspectRatio font-size fill
		fill-opacity stroke stroke-width stroke-opacity stroke-dasharray stroke-linejoin vector-effect text-anchor transform
		x y dx x1 x2 y1 y2 cx cy r rx d data-label data-text data-value data-value-2`)
)

// check holds an SVG to what is true of every one.
func check(t testing.TB, svg string) {
	t.Helper()
	root := parse(t, svg)
	if !utf8.ValidString(svg) {
		t.Errorf("not UTF-8: %q", svg)
	}
	root.walk(func(n *node) { checkNode(t, n) })
	checkNames(t, root)
	for _, width := range widths {
		checkPlaces(t, root, width)
	}
}

func checkNode(t testing.TB, n *node) {
	t.Helper()
	if !slices.Contains(elements, n.name) {
		t.Errorf("there is a %s", n.name)
	}
	for name, value := range n.attributes {
		if !slices.Contains(attributes, name) {
			t.Errorf("%s has %s=%q", n.name, name, value)
		}
		checkText(t, value)
		if name != "data-label" && name != "data-text" && (strings.Contains(value, "NaN") || strings.Contains(value, "Inf")) {
			t.Errorf("%s is %s", name, value)
		}
		if strings.HasPrefix(name, "data-value") {
			if v, err := strconv.ParseFloat(value, 64); err != nil || !Known(v).known {
				t.Errorf("%s is %q: %v", name, value, err)
			}
		}
	}
	checkText(t, n.text)
}

// checkText holds that no mark turns the direction of what follows.
func checkText(t testing.TB, s string) {
	t.Helper()
	depth := 0
	for _, r := range s {
		switch {
		case r == '\u2068':
			depth++
		case r == '\u2069':
			depth--
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2067', r < ' ' && r != '\n', r == 0x7f:
			t.Errorf("%q has %U", s, r)
		}
		if depth < 0 || depth > 1 {
			t.Errorf("isolates do not match in %q", s)
		}
	}
	if depth != 0 {
		t.Errorf("an isolate does not end in %q", s)
	}
}

// checkNames holds that the chart has a name and a description.
func checkNames(t testing.TB, root *node) {
	t.Helper()
	if root.name != "svg" || root.attributes["role"] != "img" || root.attributes["width"] != "100%" {
		t.Errorf("the root is %s %v", root.name, root.attributes)
	}
	ids := make(map[string]string)
	root.walk(func(n *node) {
		if id, ok := n.attributes["id"]; ok {
			if ids[id] != "" {
				t.Errorf("two ids %s", id)
			}
			ids[id] = n.name
		}
	})
	named := strings.Fields(root.attributes["aria-labelledby"])
	if len(named) != 2 || ids[named[0]] != "title" || ids[named[1]] != "desc" || len(ids) != 2 {
		t.Errorf("labelled by %q of %v", named, ids)
	}
}

// checkPlaces holds that all is within the chart and that no text lies upon another, or on
// a month's mark, at the given width.
func checkPlaces(t testing.TB, root *node, width float64) {
	t.Helper()
	height := root.number(t, "height", width)
	var taken []box
	root.walk(func(n *node) {
		b, ok := n.box(t, width)
		if !ok {
			return
		}
		if b.left < -0.5 || b.right > width+0.5 || b.top < -0.5 || b.bottom > height+0.5 {
			t.Errorf("at %g, %s %q is at %+v of %g x %g", width, n.name, n.text, b, width, height)
		}
		if n.name != "text" && n.name != "circle" {
			return
		}
		for _, other := range taken {
			if (n.name == "text" || other.text) && b.overlaps(other) {
				t.Errorf("at %g, %s %q at %+v lies upon %q at %+v", width, n.name, n.text, b, other.of, other)
			}
		}
		b.of, b.text = n.text, n.name == "text"
		taken = append(taken, b)
	})
}

// box is where something is, in pixels.
type box struct {
	left, right, top, bottom float64
	of                       string
	text                     bool
}

func (b box) overlaps(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

// box estimates where an element is.
func (n *node) box(t testing.TB, width float64) (box, bool) {
	at := func(name string) float64 { return n.number(t, name, width) }
	switch n.name {
	case "text":
		size := textSize * 1.0
		if _, ok := n.attributes["font-size"]; ok {
			size = at("font-size")
		}
		left, wide := at("x")+at("dx"), widthOf(n.text)*size
		switch n.attributes["text-anchor"] {
		case "middle":
			left -= wide / 2
		case "end":
			left -= wide
		}
		return box{left: left, right: left + wide, top: at("y") - 0.75*size, bottom: at("y") + 0.2*size}, true
	case "line":
		return box{left: at("x1"), right: at("x2"), top: min(at("y1"), at("y2")), bottom: max(at("y1"), at("y2"))}, true
	case "rect":
		left := at("x")
		if move, ok := strings.CutPrefix(n.attributes["transform"], "translate("); ok {
			by, err := strconv.ParseFloat(strings.TrimSuffix(move, ")"), 64)
			if err != nil {
				t.Error(err)
			}
			left += by
		}
		return box{left: left, right: left + at("width"), top: at("y"), bottom: at("y") + at("height")}, true
	case "circle":
		return box{left: at("cx") - at("r"), right: at("cx") + at("r"), top: at("cy") - at("r"), bottom: at("cy") + at("r")}, true
	case "path":
		return n.pathBox(t, width)
	}
	return box{}, false
}

// pathBox is that of a path: of the marks in pixels, or of a stretched line in percent.
func (n *node) pathBox(t testing.TB, width float64) (box, bool) {
	b := box{left: width, top: 1e9}
	if strings.HasPrefix(n.attributes["d"], "M0 ") { // a legend's
		return box{}, false
	}
	for _, point := range strings.FieldsFunc(n.attributes["d"], func(r rune) bool { return r == 'M' || r == 'L' }) {
		a, c, _ := strings.Cut(point, " ")
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(c, 64)
		if errX != nil || errY != nil {
			t.Errorf("path %q: %v %v", n.attributes["d"], errX, errY)
		}
		x *= width / 100
		b = box{left: min(b.left, x), right: max(b.right, x), top: min(b.top, y), bottom: max(b.bottom, y)}
	}
	return b, true
}

// node is an element.
type node struct {
	name       string
	attributes map[string]string
	text       string
	children   []*node
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, child := range n.children {
		child.walk(visit)
	}
}

// number is a length in pixels at a width; 0 where it is missing.
func (n *node) number(t testing.TB, name string, width float64) float64 {
	t.Helper()
	value, ok := n.attributes[name]
	if !ok {
		return 0
	}
	digits, percent := strings.CutSuffix(value, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || v != v || v < -1000 || v > 1e5 {
		t.Errorf("%s %s=%q: %v", n.name, name, value, err)
	}
	if percent {
		return v * width / 100
	}
	return v
}

// parse reads an SVG as XML, strictly.
func parse(t testing.TB, svg string) *node {
	t.Helper()
	var top node
	open := []*node{&top}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %q", err, svg)
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attributes: make(map[string]string)}
			for _, a := range token.Attr {
				n.attributes[a.Name.Local] = a.Value
			}
			last.children = append(last.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(token)
		default:
			t.Errorf("there is a %T", token)
		}
	}
	if len(top.children) != 1 || strings.TrimSpace(top.text) != "" {
		t.Fatalf("%d roots in %q", len(top.children), svg)
	}
	return top.children[0]
}
