package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// How long undoing may take. One id at a time, with the server stopped, to forget was 15 s
// for each. It makes the file anew, with all that waits to be forwarded: a gigabyte of text
// where the reports were as large as they may be.
const (
	excludeTime = 15 * time.Second
	forgetTime  = 2 * time.Minute
)

// exclude leaves out whom the arguments mean, by the command, on the running server. They
// must mean all that was made up and taken, and nobody else.
func (s *stage) exclude(ctx context.Context, args ...string) error {
	args = append([]string{"exclude", "--admin-addr=" + s.admin, "--json"}, args...)
	var tried, did struct {
		Applied bool
		Count   int
	}
	for _, try := range []struct {
		args []string
		into any
	}{{args, &tried}, {append(args, "--reason=made up", "--apply"), &did}} {
		begin := s.Now()
		out, err := s.command(ctx, try.args...)
		if err != nil {
			return err
		}
		s.row.Undo, s.row.Took = "exclude", s.Now().Sub(begin)
		if err := json.Unmarshal(out, try.into); err != nil {
			return fmt.Errorf("attack: %w: %.200s", err, out)
		}
	}
	s.row.Undone = did.Count
	s.promise(!tried.Applied && did.Applied && tried.Count == did.Count, "exclude did not do what it had told before")
	s.promise(s.row.Took < excludeTime, "exclude took %.1f s", s.row.Took.Seconds())
	s.promise(did.Count == s.row.Sent.Taken, "exclude meant %d ids, made up were %d", did.Count, s.row.Sent.Taken)
	return nil
}

// forget removes ids from the running server's file and mirror, all or what they have
// on some days.
func (s *stage) forget(ctx context.Context, ids []string, args ...string) error {
	file := filepath.Join(s.dir, "ids.txt")
	var text []byte
	for _, id := range ids {
		text = fmt.Appendln(text, id)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	begin := s.Now()
	out, err := s.command(ctx, append([]string{"forget", "--admin-addr=" + s.admin, "--yes", "--cluster-file=" + file}, args...)...)
	s.row.Undo, s.row.Undone, s.row.Took = "forget", len(ids), s.Now().Sub(begin)
	s.promise(s.row.Took < forgetTime, "forget took %.1f s", s.row.Took.Seconds())
	s.progress("  forget: %s", bytes.TrimSpace(out))
	return err
}

// firstSeen are the arguments that mean who was seen for the first time since the attack
// began.
func (s *stage) firstSeen() []string {
	return []string{"--first-seen-from=" + s.began.UTC().Format("2006-01-02T15"), "--max-days=1"}
}
