package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// previewBytes bounds the answers of all previews together, which their readers may take as
// slowly as they like; one that is larger goes alone. That to a real report has some 30 kB, and
// that to the largest 13 MB.
const previewBytes = 16 << 20

// Whose a report is that names nobody, or that nobody may have the id of: who could ask for
// the hash of any name could find out whose an id is.
const (
	placeholderCluster  = "00000000-0000-0000-0000-000000000000"
	placeholderInstance = "00000000000000000000000000000000"
)

// anonymous is Cozystack's format, where the id may be missing.
type anonymous struct{ cozystack }

func (anonymous) sender(r *http.Request) (string, error) {
	if len(r.Header[clusterHeader]) == 0 {
		return placeholderCluster, nil
	}
	return clusterID(r.Header)
}

// placeholderID has an id for any name, and none for none.
func placeholderID(name string, _ rollup.Date) (string, error) {
	if name == "" {
		return "", nil
	}
	return placeholderInstance, nil
}

// Previewer tells what would come of a report, and keeps nothing of it.
type Previewer struct {
	// of reads as the handler does, without its keys and its limits on senders.
	of      *Handler
	senders *senders // nil without limits
}

// Previewer returns the handler of previews. It holds a report to what the handler of reports
// holds it to, and shares its bounds on memory, but takes nothing of any id's limits: it has
// one of its own for each network. No key is asked for, none is made, and Recorder and OnResult
// learn of nothing.
func (h *Handler) Previewer() *Previewer {
	of := &Handler{pipeline: h.pipeline, product: h.product, format: h.format.unkeyed(), lines: h.lines}
	return &Previewer{of: of, senders: h.senders}
}

// ServeHTTP answers a report with its [Preview], or as it would be refused.
func (p *Previewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := p.preview(r)
	if err != nil {
		answer(w, refusalOf(err))
		return
	}
	defer p.of.previews.Release(room(text))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // nobody is left to tell
}

// preview returns the answer, with its room among those that are sent. The report has left its
// place in the budget by then.
func (p *Previewer) preview(r *http.Request) (text []byte, err error) {
	id, err := p.of.format.sender(r)
	if err != nil {
		return nil, err
	}
	if p.senders != nil {
		if err := p.senders.admitPreview(r, p.of.config.Now()); err != nil {
			return nil, err
		}
	}
	leftOut := make(map[string]int)
	err = p.of.read(r, id, func(what string) { leftOut[what]++ }, func(report rollup.Report, lines []byte) error {
		text, err = p.of.written(report, lines, leftOut)
		return err
	})
	return text, err
}

// written returns the preview of a report as JSON, with its room. One is written at a time: that
// takes many times as much memory as the report.
func (h *Handler) written(report rollup.Report, lines []byte, leftOut map[string]int) ([]byte, error) {
	h.writing.Lock()
	defer h.writing.Unlock()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // no browser takes it for HTML, and it would be six times as long
	if err := e.Encode(h.previewOf(report, string(lines), leftOut)); err != nil {
		return nil, fmt.Errorf("ingest: preview: %w", err) // can't be: all of it is text and finite numbers
	}
	if !h.previews.TryAcquire(room(text.Bytes())) {
		return nil, refuseBusy(nil)
	}
	return text.Bytes(), nil
}

// room is what an answer takes of previewBytes.
func room(text []byte) int64 { return min(int64(len(text)), previewBytes) }
