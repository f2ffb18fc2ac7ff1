package prose_test

import (
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/prose"
)

func TestHTML(t *testing.T) {
	links := func(to string) string { return strings.Replace(to, "other.md", "https://example.org/other.md", 1) }
	for markdown, want := range map[string]string{
		"# A `title`, its 2nd\n## A title\n## A title\n## a_b – c\n": "<h1 id=\"a-title-its-2nd\">A <code>title</code>, its 2nd</h1>\n<h2 id=\"a-title\">A title</h2>\n<h2 id=\"a-title-1\">A title</h2>\n<h2 id=\"a_b--c\">a_b – c</h2>\n",
		"| A | B |\n|:-:|---|\n| 1 | `a\\|b` |\n":                    "<table tabindex=\"0\">\n<thead>\n<tr>\n<th align=\"center\">A</th>\n<th>B</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1</td>\n<td><code>a|b</code></td>\n</tr>\n</tbody>\n</table>\n",
		"[a](other.md#b) [c](#d) [e](/privacy)":                      "<p><a href=\"https://example.org/other.md#b\">a</a> <a href=\"#d\">c</a> <a href=\"/privacy\">e</a></p>\n",
		"https://example.org/x and <mailto:a@example.org>":           "<p><a href=\"https://example.org/x\">https://example.org/x</a> and <a href=\"mailto:a@example.org\">mailto:a@example.org</a></p>\n",
		"```sh\nkubectl <x> & y\n```\n":                              "<pre tabindex=\"0\"><code>kubectl &lt;x&gt; &amp; y\n</code></pre>\n",
		"":                                                           "",
	} {
		if got, err := prose.HTML([]byte(markdown), links); string(got) != want || err != nil {
			t.Errorf("%q\nis   %q, %v\nwant %q", markdown, got, err, want)
		}
	}
}

// Whatever stands in a text, the page only shows it.
func TestHostileTextIsInert(t *testing.T) {
	for markdown, want := range map[string]string{
		"<script>alert(1)</script>\n":                 "<p>&lt;script&gt;alert(1)&lt;/script&gt;\n</p>\n",
		"a <img src=x onerror=alert(1)> b":            "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n",
		"<div style=\"a\">\n*x*\n</div>\n":            "<p>&lt;div style=&quot;a&quot;&gt;\n*x*\n&lt;/div&gt;\n</p>\n",
		"<!-- a\n\nb -->\n":                           "<p>&lt;!-- a\n\nb --&gt;\n</p>\n",
		"[a](javascript:alert(1))":                    "<p>a</p>\n",
		"[a](JaVaScRiPt:alert(1))":                    "<p>a</p>\n",
		"[*a*](&#106;avascript:alert(1))":             "<p><em>a</em></p>\n",
		"[a](&amp;#106;avascript:x) [b](&amp;colon;)": "<p>a b</p>\n",
		"[a](data:text/html,x)":                       "<p>a</p>\n",
		"[a](vbscript:x) [b](file:///etc)":            "<p>a b</p>\n",
		"[a](java&#10;script:alert(1))":               "<p>a</p>\n",
		"<javascript:alert(1)>":                       "<p>javascript:alert(1)</p>\n",
		"<data:text/html,&lt;script&gt;>":             "<p>data:text/html,&lt;script&gt;</p>\n",
		"![*seen* by](https://example.org/x)":         "<p><em>seen</em> by</p>\n",
		"[![x](https://example.org/y)](z)":            "<p><a href=\"z\">x</a></p>\n",
		"[a](b \"c\\\" onclick=x\")":                  "<p><a href=\"b\" title=\"c&quot; onclick=x\">a</a></p>\n",
		"# <b>x</b> {onclick=x}":                      "<h1 id=\"bxb-onclickx\">&lt;b&gt;x&lt;/b&gt; {onclick=x}</h1>\n",
		"`<b>` \x00 \xff \u202e":                      "<p><code>&lt;b&gt;</code> \ufffd \xff \u202e</p>\n",
	} {
		if got, err := prose.HTML([]byte(markdown), nil); string(got) != want || err != nil {
			t.Errorf("%q\nis   %q, %v\nwant %q", markdown, got, err, want)
		}
	}
}
