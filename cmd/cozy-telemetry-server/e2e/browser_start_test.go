package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// stepTime is how long one step in a browser may take: a machine may be busy.
const stepTime = 30 * time.Second

// browser is a Chromium that runs, of a profile of its own.
type browser struct{ ctx context.Context }

// startBrowser starts Debian's Chromium, which knows no other machine. It ends with the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
		chromedp.UserDataDir(t.TempDir()),
	)
	// Not the test's context, which ends before the browser is told to.
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return &browser{ctx}
}

// tab is a page of a visitor who has never been here. It watches what the page does.
type tab struct {
	*witness
	t   *testing.T
	ctx context.Context
}

// open opens a tab that may ask the servers of the given origins alone. When the test ends,
// it fails for all that the page did wrong, and if it has left a cookie.
func (b *browser) open(t *testing.T, origins ...string) *tab {
	t.Helper()
	w := newWitness(origins)
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.see))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	p := &tab{w, t, ctx}
	call(p, audits.Enable, cdp.Empty{})
	p.size(1200, 900)
	t.Cleanup(func() {
		if cookies := call(p, storage.GetCookies, storage.GetCookiesParams{}).Cookies; len(cookies) > 0 {
			t.Errorf("the page has left %d cookies, as %s", len(cookies), cookies[0].Name)
		}
		for _, complaint := range p.complaints() {
			t.Error(complaint)
		}
	})
	return p
}

// run does one step in a tab.
func run[T any](p *tab, what string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("%s: %v; the page: %q", what, err, p.complaints())
	}
	return result
}

// call sends a tab a command of the protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval returns the value of an expression in the page, awaited if it is a promise.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	return run(p, expression[:min(len(expression), 200)], chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// visit opens an address, waits until it is loaded, and fails unless the answer is 200.
func (p *tab) visit(url string) *network.Response {
	p.t.Helper()
	return p.visitFor(url, 200)
}

// visitFor opens an address that must be answered with a status.
func (p *tab) visitFor(url string, status int64) *network.Response {
	p.t.Helper()
	p.expect(url, status)
	response := run(p, "visit "+url, chromedp.NavigateResponse(url))
	if response == nil || response.Status != status {
		p.t.Fatalf("%s: %+v, want %d", url, response, status)
	}
	return response
}

// click clicks the first element of a selector, and waits for the page that this opens.
func (p *tab) click(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector)))
	if err != nil || response.Status != 200 {
		p.t.Fatalf("click on %s: %v, %+v", selector, err, response)
	}
}

// press presses keys, as a user does at the keyboard.
func (p *tab) press(keys string) {
	p.t.Helper()
	run(p, "keys", chromedp.KeyEvent(keys))
}

// size gives the page a window of so many CSS pixels.
func (p *tab) size(width, height int64) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// as shows the page as a medium, "screen" or "print", does, to a user who has asked for
// features, such as "prefers-color-scheme", "dark".
func (p *tab) as(medium string, features ...string) {
	p.t.Helper()
	params := emulation.SetEmulatedMediaParams{Media: medium}
	for i := 0; i < len(features); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	call(p, emulation.SetEmulatedMedia, params)
}

// scripts turns JavaScript of pages that are opened from now on on or off.
func (p *tab) scripts(on bool) {
	p.t.Helper()
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}
