// Package prose makes HTML of Markdown: of the project's own pages, and of what an operator
// writes.
//
// [HTML] lets nothing through that could act: HTML of the text is shown as text, pictures are
// their descriptions, and a link leads to http, https, mail, or a place of this server. There is
// no style and no script in what it returns, so it needs no exception of a page's policy. It has
// tables, as GitHub shows them, and headings are called in links as GitHub calls them.
//
// All is pure: no I/O, no clock, no globals that change.
package prose
