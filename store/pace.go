package store

import "time"

// mostPatience bounds how long a batch waits, after a commit that took very long too.
const mostPatience = 20 * time.Millisecond

// pace lets a batch wait for the reports that are about to come. Who reports in a hurry is
// back soon after the answer, so as many are expected as the last two commits had: those
// of the last one, and those that came while it ran.
//
// One more that is waited for is spared a commit, and all that are there wait meanwhile:
// so the more they are, the less patient they are with the next one, and in all they wait
// for half of a commit. After a commit of a single report, which is a lone client's, and
// after a rest, nobody waits.
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
	end, gap := time.NewTimer(min(p.took/2, mostPatience)), time.NewTimer(0)
	defer end.Stop()
	defer gap.Stop()
	for missing > 0 && len(batch) < maxBatch {
		gap.Reset(p.took / time.Duration(len(batch)))
		select {
		case r, ok := <-requests:
			if !ok {
				return batch
			}
			batch = append(batch, r)
			missing -= countOf(batch[len(batch)-1:])
		case <-gap.C:
			return batch
		case <-end.C: // whatever the clock says by now
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
