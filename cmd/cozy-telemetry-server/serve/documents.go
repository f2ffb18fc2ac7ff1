package serve

import (
	"fmt"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/docs"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
)

// buildDocuments builds the pages of prose.
func (s *server) buildDocuments(cli.Environment) (err error) {
	config := site.DocumentsConfig{Privacy: docs.Privacy, Counting: docs.Counting, Facts: []byte(s.cfg.privacyFacts())}
	if s.cfg.notes != "" {
		notes, err := openNotes(s.cfg.notes, s.log)
		if err != nil {
			return err
		}
		config.Notes = notes.now
	}
	s.documents, err = s.site.Documents(config)
	return err
}

// privacyFacts says in Markdown what this server keeps, and for how long: what its privacy page
// leaves to the flags.
func (c Config) privacyFacts() string {
	kept := func(span time.Duration) string {
		if span == 0 {
			return "for ever"
		}
		return "for " + cli.DurationText(span)
	}
	facts := [][2]string{
		{"takes reports of", strings.Join(c.products.Names(), ", ")},
		{"keeps metrics of Cozystack whose names match", "`" + strings.Join(c.takes.Limits.Allow, "`, `") + "`"},
		{"keeps days, by cluster", kept(c.rollupRetention)},
		{"keeps months, by cluster", kept(c.monthRetention)},
	}
	if c.products.Has("kubeatlas") {
		facts = append(facts, [2]string{"keeps days of KubeAtlas", kept(c.kubeatlasRetention)})
	}
	backups := "no"
	if c.backupDir != "" {
		backups = fmt.Sprintf("the newest %d", c.backupKeep)
	}
	facts = append(facts,
		[2]string{"keeps copies of its file", backups},
		[2]string{"mirrors it as JSON", yesOrNo(c.snapshotDir != "")},
		[2]string{"forwards samples of Cozystack to a database", yesOrNo(c.forwardURL != "")},
		[2]string{"folds what fewer have than", fmt.Sprint(c.minShare)},
	)
	var b strings.Builder
	b.WriteString("## On this server\n\nThese are the values of the server that shows this page.\n\n| What | Here |\n|---|---|\n")
	for _, fact := range facts {
		fmt.Fprintf(&b, "| %s | %s |\n", fact[0], strings.ReplaceAll(fact[1], "|", `\|`))
	}
	return b.String()
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
