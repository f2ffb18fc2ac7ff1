package web_test

import (
	"bytes"
	"flag"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var update = flag.Bool("update", false, "write the golden files")

// hostile is what a stranger may report as the name of an application, a version or a package.
const hostile = `"><img src=x onerror=alert(1)><script>alert(2)</script>'javascript:alert(3)//{{.}}` + "\u202eevil\u2066"

// cases are the pages that are looked at.
func cases() map[string]web.Page {
	return map[string]web.Page{
		"large": full(), "full": small(), "empty": empty(), "gap": gap(), "ended": ended(), "stale": stale(), "uncounted": uncounted(),
		"product": product(), "hostile": hostilePage(), "confirmed": confirmed(), "year": yearly(), "young": young(), "product of who publishes confirmed": confirmedProduct(),
	}
}

// small is full with less of each.
func small() web.Page {
	p := full()
	p.History = history(november-4, november)
	p.Months = p.Months[len(p.Months)-5:]
	p.Overview.Periods.Month.Apps = map[string]int64{"kubernetes": 12078, "postgres": 6039, "harbor": 0}
	dims := p.Breakdown.Dimensions
	p.Breakdown.Dimensions = append(dims[:1:1], dims[5], dims[6], dims[7])
	p.Breakdown.Dimensions[2].Values = dims[6].Values[:3]
	p.Adoption.Versions = p.Adoption.Versions[:3]
	p.Retention.Months = p.Retention.Months[len(p.Retention.Months)-4:]
	return p
}

// empty is a month in which nobody reported anything but the cluster itself.
func empty() web.Page {
	p := small()
	none := published.Overview{GeneratedAt: p.Overview.GeneratedAt}
	none.Periods.Month = published.Period{Names: p.Overview.Periods.Month.Names, Source: rollup.SourceRollups, Months: 1, Published: published.Seen}
	p.Overview = &none
	p.History = &published.History{From: november, To: november, Months: []published.HistoryMonth{{Month: november}}}
	p.Breakdown = &published.Breakdown{Month: november, MinShare: 5}
	p.Adoption, p.Retention = &published.Adoption{MinShare: 5}, &published.Retention{MinShare: 5}
	p.Months = []rollup.MonthID{november}
	return p
}

// gap is a month that has ended, of which and before which days and months are missing.
func gap() web.Page {
	p := ended()
	p.History.Months[len(p.History.Months)-1].DaysWithData = ptr(28)
	for at := len(p.History.Months) - 5; at < len(p.History.Months)-1; at++ {
		p.History.Months[at] = published.HistoryMonth{Month: p.History.Months[at].Month}
	}
	p.Overview.Periods.Month.Complete = false
	return p
}

// ended is October, of which all is known.
func ended() web.Page {
	p := small()
	p.Choice.Month--
	p.History = history(november-8, november-1)
	p.Overview.Periods.Month.Complete = true
	p.Overview.Periods.Month.Label = "October 2026"
	p.Breakdown.Month--
	return p
}

func stale() web.Page {
	p := small()
	p.LastReport = p.Now.Add(-49 * time.Hour)
	return p
}

// uncounted is a page of which nothing but the overview could be counted.
func uncounted() web.Page {
	p := small()
	p.History, p.Breakdown, p.Adoption, p.Retention = nil, nil, nil, nil
	p.LastReport, p.Months = time.Time{}, nil
	return p
}

func confirmed() web.Page {
	p := small()
	p.Choice.Publish = published.Confirmed
	p.Overview.Periods.Month.Published = published.Confirmed
	p.Overview.Periods.Month.Counts = p.Overview.Periods.Month.Confirmed.Counts
	return p
}

// young is a page of the second month of a server that began late in the first.
func young() web.Page {
	p := small()
	p.History.Months[len(p.History.Months)-2].DaysWithData = ptr(6)
	return p
}

func yearly() web.Page {
	p := small()
	p.Choice.Span = web.Year
	p.Overview.Periods.Year.Source = rollup.SourceMixed
	return p
}

// product is a page of Synapse.
func product() web.Page {
	p := small()
	p.Choice.Product = "synapse"
	p.Overview, p.History, p.Breakdown, p.Adoption, p.Retention = nil, nil, nil, nil, nil
	month := published.ProductPeriod{
		Names: published.Names{Label: "November 2026", Start: "2026-11-01", End: "2026-11-30"}, Instances: 103, Reports: 20841,
		Metrics: map[string]float64{"total_users": 12345, "daily_messages": 8812.5, "huge": 3e18},
		Shares: map[string]map[string]int64{
			"version": {"1.157": 61, "1.156": 30, published.Other: 12}, "database_engine": {"psycopg2": 103},
		},
		Source: rollup.SourceRollups, Months: 1,
	}
	p.Product = &published.ProductOverview{GeneratedAt: "2026-11-21T22:09:41Z", Product: "synapse", Aggregate: published.Average}
	p.Product.Periods = published.Periods[published.ProductPeriod]{Month: month, Quarter: month, Year: month}
	h := &published.ProductHistory{GeneratedAt: "2026-11-21T22:09:41Z", Product: "synapse", From: november - 2, To: november}
	for i := range 3 {
		h.Months = append(h.Months, published.ProductHistoryMonth{
			Month: november - 2 + rollup.MonthID(i), Instances: ptr(int64(101 + i)), Reports: ptr(int64(20000 + i)), DaysWithData: ptr(30), Complete: ptr(i < 2),
		})
	}
	h.Months[1] = published.ProductHistoryMonth{Month: november - 1}
	p.ProductHistory = h
	return p
}

// confirmedProduct is a page of Synapse where Cozystack's figures are confirmed unless they
// are asked for otherwise.
func confirmedProduct() web.Page {
	p := product()
	p.Default.Publish = published.Confirmed
	return p
}

func hostilePage() web.Page {
	p := small()
	p.Overview.Periods.Month.Apps[hostile] = 77777
	for i := range p.Breakdown.Dimensions {
		d := &p.Breakdown.Dimensions[i]
		d.Values[0].Value = hostile
		if d.Package != "" {
			d.Package = hostile
		}
	}
	p.Breakdown.Capacity[2].Resource = hostile
	p.Breakdown.Dimensions = append(p.Breakdown.Dimensions, published.Dimension{Name: hostile, Clusters: 9, Values: []published.Share{{Value: "", Clusters: 9}}})
	p.Adoption.Versions[0].Version = hostile
	p.Products = append(p.Products, hostile)
	p.Overview.Periods.Month.Source = rollup.Source(hostile)
	p.History.Months[3].Source = ptr(rollup.Source(hostile))
	return p
}

// hash is what changes in the path of an asset with its content, picture a chart, for which
// package chart has golden files of its own.
var (
	hash    = regexp.MustCompile(`\.[0-9a-f]{10}\.`)
	picture = regexp.MustCompile(`(?s)<div class="plot">.*?</div>`)
)

func TestPagesAreAsBefore(t *testing.T) {
	r := renderer(t)
	all := cases()
	for _, name := range []string{"full", "empty", "gap", "stale", "uncounted", "product", "hostile"} {
		page, err := r.Render(all[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := picture.ReplaceAll(hash.ReplaceAll(page, []byte(".HASH.")), []byte(`<div class="plot">CHART</div>`))
		golden := filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another one: look at it, and run the test with -update", golden)
		}
	}
}

// everyPage renders all kinds of pages that there are.
func everyPage(t *testing.T) map[string]*html.Node {
	t.Helper()
	r := renderer(t)
	pages := make(map[string]*html.Node)
	add := func(name string, page []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if pages[name], err = html.Parse(bytes.NewReader(page)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, p := range cases() {
		page, err := r.Render(p)
		add(name, page, err)
		page, err = r.RenderEmbed(p)
		add("embed of "+name, page, err)
	}
	page, err := r.RenderMessage(web.Message{Title: hostile, Text: hostile, Code: hostile, Links: []web.MessageLink{{Text: hostile, Href: hostile}}})
	add("message", page, err)
	page, err = r.RenderDocument(hostile, template.HTML("<h1>Privacy</h1>"))
	add("document", page, err)
	return pages
}

// TestPagesAreInert holds that nothing of what strangers report, and nothing of a page, is
// what the policy forbids: a script or a style within it, or anything from elsewhere.
func TestPagesAreInert(t *testing.T) {
	for name, page := range everyPage(t) {
		for n := range page.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch n.Data {
			case "style", "img", "iframe", "object", "embed", "form", "base":
				t.Errorf("%s has a %s", name, n.Data)
			case "script":
				if n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), web.AssetsPath) {
					t.Errorf("%s has a script of its own", name)
				}
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.TrimSpace(a.Val), "javascript:") {
					t.Errorf("%s: %s %s=%q", name, n.Data, a.Key, a.Val)
				}
				if (a.Key == "href" || a.Key == "src") && !leadsWell(a.Val) {
					t.Errorf("%s: %s leads to %q", name, n.Data, a.Val)
				}
			}
		}
	}
}

func leadsWell(to string) bool {
	return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") || to == "#main" ||
		strings.HasPrefix(to, "https://github.com/cozystack/") || to == "#ZgotmplZ" || strings.HasPrefix(to, "%22")
}

func TestHostileNamesAreShown(t *testing.T) {
	page := everyPage(t)["hostile"]
	found := 0
	for n := range page.Descendants() {
		if n.Type == html.TextNode && strings.Contains(n.Data, `"><img src=x onerror=alert(1)><script>alert(2)</script>`) {
			found++
		}
	}
	if found < 15 {
		t.Errorf("a hostile name is shown as text %d times", found)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
