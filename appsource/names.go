package appsource

// maxCount is 2^53, the largest count that JSON's readers hold exactly. Sums
// saturate at it.
const maxCount = 1 << 53

// names maps kinds to applications by one list and the built-in table. It is
// never changed once it is made.
type names struct {
	listed []string
	// classes maps a folded kind of the table to its application's folded name.
	// A kind that is not in it is its own class.
	classes map[string]string
	// spellings maps a class to the one name under which it is shown. The list
	// wins over the table: where both have an application they must not show it
	// under two spellings.
	spellings map[string]string
}

func newNames(t table, list []string) *names {
	n := &names{
		classes:   make(map[string]string, len(t.apps)),
		spellings: make(map[string]string, len(t.apps)+len(list)),
	}
	for kind, app := range t.apps {
		n.classes[kind] = fold(app)
		n.spellings[fold(app)] = app
	}
	seen := make(map[string]bool, len(list))
	for _, name := range list {
		class := fold(name)
		if !seen[class] {
			seen[class] = true
			n.spellings[class] = name
			n.listed = append(n.listed, name)
		}
	}
	return n
}

func (n *names) class(kind string) string {
	folded := fold(kind)
	if c, ok := n.classes[folded]; ok {
		return c
	}
	return folded
}

func (n *names) app(kind string) string {
	if name, ok := n.spellings[n.class(kind)]; ok {
		return name
	}
	return kind
}

func (n *names) byApp(kinds map[string]int64) map[string]int64 {
	apps := make(map[string]int64, len(n.listed))
	for _, name := range n.listed {
		apps[name] = 0
	}
	for kind, count := range n.keep(kinds) {
		name := n.app(kind)
		apps[name] = add(apps[name], count)
	}
	return apps
}
