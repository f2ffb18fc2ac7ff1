package operator

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hidden stands for what is not shown.
const hidden = "***"

// Hide takes out of a text what may be a credential in an address: the user, the password, and
// the values of its parameters. An address that can't be read is hidden whole.
func Hide(text string) string {
	// What ends an address in a text: white space, and the quote that errors put around it. They
	// write a backslash before one that is part of it.
	address := regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://(?:\\.|[^\s"\\])+`)
	return address.ReplaceAllStringFunc(text, HideAddress)
}

// HideAddress is Hide for a text that is nothing but an address, if it is one at all.
func HideAddress(address string) string {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return scheme + "://" + hidden
	}
	var b strings.Builder
	b.WriteString(u.Scheme + "://")
	if u.User != nil {
		b.WriteString(hidden + "@")
	}
	b.WriteString(u.Host + u.EscapedPath())
	b.WriteString(hiddenQuery(u.RawQuery))
	if u.Fragment != "" {
		b.WriteString("#" + hidden)
	}
	return b.String()
}

// hiddenQuery returns a query with the names of its parameters, sorted, and none of the values.
func hiddenQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var names []string
	for part := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, has := strings.Cut(part, "=")
		if !has { // it may be a token by itself
			name = hidden
		} else {
			name += "=" + hidden
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return "?" + strings.Join(names, "&")
}
