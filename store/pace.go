package store

import "time"

// patience is the longest that a batch waits for more reports, by how long the last commit
// took. What it spares is a part of the next one.
func patience(took time.Duration) time.Duration { return took * 3 / 4 }

// pace lets a batch wait for the reports that are about to come. Who reports in a hurry is
// back soon after the answer, so as many are expected as the last two commits had: those
// of the last one, and those that came while it ran. Each that is waited for spares a
// share of a commit, to the server and to those who wait for the next one.
//
// Nobody waits for what may never come: a batch goes as soon as all are there, or after a
// share of the time that the last commit took; at once if that one had a single report,
// which is a lone client's, or if there was a rest since.
type pace struct {
	now func() time.Time
	// last and before are how many reports the last two commits had.
	last, before int
	took         time.Duration // by the last commit
	ended        time.Time     // when that was
}

// gather adds to a batch what comes within its patience.
func (p *pace) gather(batch []*request, requests <-chan *request) []*request {
	want := min(p.last+p.before, maxBatch)
	missing := want - countOf(batch)
	if p.last <= 1 || missing <= 0 || p.now().Sub(p.ended) > p.took {
		return batch
	}
	timeout := time.NewTimer(patience(p.took))
	defer timeout.Stop()
	for missing > 0 && len(batch) < maxBatch {
		select {
		case r, ok := <-requests:
			if !ok {
				return batch
			}
			batch = append(batch, r)
			missing -= countOf(batch[len(batch)-1:])
		case <-timeout.C:
			return batch
		}
	}
	return batch
}

// committed tells of a commit that began at a time, and has just ended.
func (p *pace) committed(reports int, began time.Time) {
	p.before, p.last = p.last, reports
	p.ended = p.now()
	p.took = p.ended.Sub(began)
}

// countOf counts the reports of a batch.
func countOf(batch []*request) (n int) {
	for _, r := range batch {
		if r.report != nil && !r.totals {
			n++
		}
	}
	return n
}
