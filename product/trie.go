package product

import (
	"fmt"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// row is a field, ready to be filled.
type row struct {
	Field
	// metric is the whole name, and series that of a number without a label.
	metric string
	series rollup.Series
}

// node is a place in a report that fields are at or below.
type node struct {
	path string
	// keys are the places below, by their keys; starred those whose key ends in an
	// asterisk, of which the first that fits counts.
	keys    map[string]*node
	starred []starred
	// rows are the numbers of the fields that stand here.
	rows []int
}

type starred struct {
	prefix string
	node   *node
}

// child returns the place below a key, and the text that an asterisk stands for there;
// nil if no field is there. A nil node has no places below.
func (n *node) child(key []byte) (child *node, star string) {
	if n == nil {
		return nil, ""
	}
	if child = n.keys[string(key)]; child != nil {
		return child, ""
	}
	for _, s := range n.starred {
		if len(key) >= len(s.prefix) && string(key[:len(s.prefix)]) == s.prefix {
			return s.node, validText(key[len(s.prefix):])
		}
	}
	return nil, ""
}

// inner tells whether fields are below, so that an object must be here.
func (n *node) inner() bool { return len(n.keys)+len(n.starred) > 0 }

// below returns the place below a key of a path, and makes it if need be.
func (n *node) below(key string) *node {
	next := &node{path: strings.TrimPrefix(n.path+"."+key, ".")}
	prefix, isStar := strings.CutSuffix(key, "*")
	if !isStar {
		if n.keys[key] != nil {
			return n.keys[key]
		}
		if n.keys == nil {
			n.keys = make(map[string]*node)
		}
		n.keys[key] = next
		return next
	}
	for _, s := range n.starred {
		if s.prefix == prefix {
			return s.node
		}
	}
	n.starred = append(n.starred, starred{prefix, next})
	return next
}

// plant puts the rows where their paths lead.
func plant(rows []row) (*node, error) {
	root := &node{}
	for i, r := range rows {
		if r.Header != "" {
			continue
		}
		n := root
		for key := range strings.SplitSeq(r.Path, ".") {
			n = n.below(key)
		}
		n.rows = append(n.rows, i)
	}
	return root, root.check(rows)
}

// check finds places that have a value and others below, and values of two types.
func (n *node) check(rows []row) error {
	if n.inner() && len(n.rows) > 0 {
		return fmt.Errorf("product: %s has fields below", n.path)
	}
	for _, i := range n.rows {
		if rows[i].Kind.class() != rows[n.rows[0]].Kind.class() {
			return fmt.Errorf("product: %s has different types", n.path)
		}
	}
	for _, s := range n.starred {
		if err := s.node.check(rows); err != nil {
			return err
		}
	}
	for _, child := range n.keys {
		if err := child.check(rows); err != nil {
			return err
		}
	}
	return nil
}
