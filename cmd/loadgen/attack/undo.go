package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// patience is how long undoing may take. One id at a time, with the server stopped, it
// was 15 s for each.
const patience = 15 * time.Second

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
		s.undid("exclude", s.Now().Sub(begin))
		if err := json.Unmarshal(out, try.into); err != nil {
			return fmt.Errorf("attack: %w: %.200s", err, out)
		}
	}
	s.row.Undone = did.Count
	s.promise(!tried.Applied && did.Applied && tried.Count == did.Count, "exclude did not do what it had told before")
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
	_, err := s.command(ctx, append([]string{"forget", "--admin-addr=" + s.admin, "--yes", "--cluster-file=" + file}, args...)...)
	s.undid("forget", s.Now().Sub(begin))
	s.row.Undone = len(ids)
	return err
}

func (s *stage) undid(how string, took time.Duration) {
	s.row.Undo, s.row.Took = how, took
	s.promise(took < patience, "%s took %.1f s", how, took.Seconds())
}

// firstSeen are the arguments that mean who was seen for the first time since the attack
// began.
func (s *stage) firstSeen() []string {
	return []string{"--first-seen-from=" + s.began.UTC().Format("2006-01-02T15"), "--max-days=1"}
}
