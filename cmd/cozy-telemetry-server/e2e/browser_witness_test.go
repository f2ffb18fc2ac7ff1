package e2e

import (
	"fmt"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// witness sees what a page does, and complains of what it should not: errors and warnings
// on the console, exceptions, violations of its policy and other issues that Chromium
// finds, and requests to any other server.
type witness struct {
	origins []string

	mu       sync.Mutex // held for the rest
	seen     []string
	expected map[string]int64 // by address, the status that is no error
}

func newWitness(origins []string) *witness {
	return &witness{origins: origins, expected: make(map[string]int64)}
}

// complaints returns what was wrong since they were last asked for.
func (w *witness) complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// expect says what an address is answered with, so that an error is not complained of.
func (w *witness) expect(url string, status int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected[url] = status
}

// see takes an event of the tab.
func (w *witness) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.request(e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		w.complain("console."+string(e.Type), "%v", arguments(e.Args))
	case *runtime.EventExceptionThrown:
		w.complain("exception", "%s", exceptionText(e.ExceptionDetails))
	case *log.EventEntryAdded:
		w.entry(e.Entry)
	case *audits.EventIssueAdded:
		w.issue(e.Issue)
	}
}

func (w *witness) complain(what, format string, args ...any) {
	w.seen = append(w.seen, what+": "+fmt.Sprintf(format, args...))
}

func (w *witness) request(url string) {
	for _, origin := range w.origins {
		if url == origin || strings.HasPrefix(url, origin+"/") {
			return
		}
	}
	if url != "about:blank" && !strings.HasPrefix(url, "data:") {
		w.complain("request", "%s is of another server", url)
	}
}

// entry looks at what Chromium itself logs: what could not be loaded, or was refused.
func (w *witness) entry(e *log.Entry) {
	status, ok := w.expected[e.URL]
	if ok && e.Source == log.EntrySourceNetwork && strings.Contains(e.Text, fmt.Sprintf("status of %d ", status)) {
		return
	}
	w.complain("log of "+string(e.Source), "%s %s %s", e.Level, e.Text, e.URL)
}

func (w *witness) issue(issue *audits.InspectorIssue) {
	if v := issue.Details.ContentSecurityPolicyIssueDetails; v != nil {
		w.complain("policy", "%s violated by %q", v.ViolatedDirective, v.BlockedURL)
		return
	}
	w.complain("issue", "%s %+v", issue.Code, *issue.Details)
}

func arguments(args []*runtime.RemoteObject) (texts []string) {
	for _, a := range args {
		texts = append(texts, string(a.Value)+a.Description)
	}
	return texts
}

func exceptionText(e *runtime.ExceptionDetails) string {
	if e.Exception != nil {
		return e.Text + " " + e.Exception.Description
	}
	return e.Text
}
