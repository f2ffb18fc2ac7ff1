package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module        = "github.com/cozystack/cozystack-telemetry-server/"
	server        = "cmd/cozy-telemetry-server"
	exportFolder  = server + "/export"
	tabularFolder = "overview/tabular"
	rooms         = module + server + "/" // of the program
	cobraModule   = "github.com/spf13/cobra"
	pflagModule   = "github.com/spf13/pflag"
	parquetModule = "github.com/parquet-go/parquet-go"
)

// imports says what each folder may import: of the project, and of the outside
// beyond the standard library. docs/decisions.md says why.
var imports = map[string][]string{
	"store/rollup":            {},
	"product":                 {module + "store/rollup"},
	"product/coroot":          {module + "product", module + "store/rollup"},
	"product/kubeatlas":       {module + "product", module + "store/rollup"},
	"product/synapse":         {module + "product", module + "store/rollup"},
	"store/durable":           {},
	"store/dberrors":          {},
	"store/internal/record":   {module + "store/rollup", module + "store/dberrors", "github.com/klauspost/compress"},
	"store/internal/boltfile": {module + "store/durable", module + "store/dberrors", "go.etcd.io/bbolt"},
	"store/internal/layout":   {module + "store/rollup", module + "store/dberrors", module + "store/internal/record", module + "store/internal/boltfile", "go.etcd.io/bbolt"},
	"store/internal/fold":     {module + "store/rollup", module + "store/dberrors", module + "store/internal/record", module + "store/internal/layout", "go.etcd.io/bbolt"},
	"store/rewrite": {
		module + "store/rollup", module + "store/dberrors", module + "store/internal", "go.etcd.io/bbolt",
	},
	"store": {
		module + "store/rollup", module + "store/durable", module + "store/dberrors", module + "store/internal", module + "store/rewrite",
		"go.etcd.io/bbolt", "golang.org/x/sync",
	},
	"ingest/jsonerror": {},
	"ingest": {
		module + "ingest/jsonerror", module + "product", module + "store/rollup", "github.com/prometheus/common",
		"github.com/hashicorp/golang-lru/v2", "golang.org/x/sync", "golang.org/x/time",
	},
	"ingest/forward": {module + "store/rollup", "github.com/rs/zerolog", "github.com/cenkalti/backoff/v5"},
	"overview": {
		module + "product", module + "store/rollup", module + "overview/promapi", module + "overview/httpanswer", module + "overview/tasks",
		module + "overview/published",
		"github.com/prometheus/common/model", "github.com/labstack/echo/v4", "github.com/rs/zerolog", "golang.org/x/sync",
	},
	"overview/published":  {module + "store/rollup"},
	"overview/census":     {module + "overview/published", module + "overview/tasks", module + "product", module + "store/rollup", "golang.org/x/mod"},
	"overview/httpanswer": {module + "ingest/jsonerror", "github.com/labstack/echo/v4"},
	tabularFolder:         {module + "store/rollup", parquetModule},
	"overview/dataset":    {module + "overview/published", module + "overview/tabular", module + "store/rollup"},
	"overview/tasks":      {},
	"overview/site": {
		module + "overview", module + "overview/published", module + "overview/httpanswer", module + "overview/tasks", module + "overview/dataset", module + "overview/tabular", module + "overview/census",
		module + "overview/prose", module + "overview/chart", module + "overview/web", module + "store/rollup",
		"github.com/labstack/echo/v4", "github.com/rs/zerolog", "github.com/hashicorp/golang-lru/v2",
	},
	"overview/web":     {module + "overview/chart", module + "overview/published", module + "store/rollup"},
	"overview/prose":   {"github.com/yuin/goldmark"},
	"overview/chart":   {module + "store/rollup"},
	"overview/promapi": {"github.com/prometheus/client_golang/api", "github.com/prometheus/common/model"},
	"overview/mirror":  {module + "store/rollup", module + "store/durable", "github.com/rs/zerolog"},
	"overview/backfill": {
		module + "overview/promapi", module + "store/rollup", "github.com/prometheus/common/model", "golang.org/x/sync", "github.com/cenkalti/backoff/v5",
	},
	"overview/anomaly": {module + "store/rollup"},
	"appsource":        {},
	"docs":             {},
	server:             {rooms + "program"},
	server + "/program": {
		rooms + "serve", rooms + "offline", rooms + "backup", rooms + "backfill", rooms + "forget", rooms + "anomalies", rooms + "exclude", rooms + "cli", cobraModule,
	},
	server + "/serve": {
		rooms + "backup", rooms + "backfill", rooms + "forget", rooms + "anomalies", rooms + "exclude", rooms + "limits", rooms + "heap", rooms + "lobby", rooms + "operator", rooms + "private", rooms + "keys", rooms + "products", rooms + "cli",
		module + "store", module + "ingest", module + "ingest/forward", module + "product", module + "overview", module + "appsource", module + "ingest/jsonerror", module + "docs",
		"github.com/labstack/echo/v4", "github.com/prometheus/client_golang/prometheus",
		"github.com/rs/zerolog", pflagModule, "golang.org/x/sync",
	},
	server + "/offline": {
		rooms + "export", rooms + "products", rooms + "cli", module + "store", module + "product", module + "ingest/forward", module + "overview", module + "appsource", cobraModule,
	},
	server + "/backfill": {
		rooms + "limits", rooms + "private", rooms + "products", rooms + "cli", module + "store", module + "ingest", module + "overview", module + "appsource",
		module + "ingest/jsonerror", "github.com/rs/zerolog", cobraModule,
	},
	server + "/anomalies": {
		rooms + "private", rooms + "cli", module + "store", module + "overview/anomaly", module + "ingest/jsonerror", "github.com/rs/zerolog", cobraModule,
	},
	server + "/exclude": {
		rooms + "private", rooms + "products", rooms + "cli", module + "store", module + "overview", module + "appsource", module + "ingest/jsonerror",
		"github.com/rs/zerolog", cobraModule,
	},
	server + "/forget": {
		rooms + "private", rooms + "products", rooms + "cli", module + "store", module + "overview", module + "ingest/jsonerror", "github.com/rs/zerolog", cobraModule,
	},
	server + "/backup":   {rooms + "private", rooms + "cli", module + "store", module + "ingest/jsonerror", "github.com/rs/zerolog", cobraModule},
	exportFolder:         {module + "store", module + "product", module + "appsource", module + "overview/tabular", "golang.org/x/mod"},
	server + "/limits":   {rooms + "cli", module + "ingest", module + "appsource", module + "store/rollup", pflagModule},
	server + "/heap":     {},
	server + "/lobby":    {},
	server + "/operator": {module + "ingest/jsonerror", "github.com/rs/zerolog"},
	server + "/private":  {rooms + "cli", module + "ingest/jsonerror"},
	server + "/cli": {
		module + "store", cobraModule, pflagModule, "github.com/prometheus/common/model", "github.com/mattn/go-isatty", "github.com/schollz/progressbar/v3",
	},
	server + "/keys":     {module + "store/durable", module + "store/rollup", "github.com/rs/zerolog"},
	server + "/products": {module + "product", module + "store/rollup", pflagModule},
	server + "/repotest": {},
	server + "/e2e":      {},
	".ci":                {},
}

// echoFiles is where echo may be imported: its v4 line ends soon, and a move must
// stay small.
const echoFiles = "handler"

func TestImportRule(t *testing.T) {
	for folder, files := range sourceFiles(t) {
		allowed, ruled := imports[folder]
		if !ruled {
			if !strings.HasPrefix(folder, "cmd/") || strings.HasPrefix(folder, server) {
				t.Errorf("%s is no folder of the design", folder)
			}
			continue
		}
		for _, f := range files {
			for _, path := range f.imports() {
				if !allowedImport(path, allowed) {
					t.Errorf("%s imports %s", f.path, path)
				}
				if strings.HasPrefix(path, "github.com/labstack/echo") && !strings.Contains(f.path, echoFiles) {
					t.Errorf("%s imports echo: only files named *%s* may", f.path, echoFiles)
				}
			}
		}
	}
}

// TestTopLevel holds that rooms are found where they were before: new ones go
// below a given folder.
func TestTopLevel(t *testing.T) {
	given := []string{".ci", "appsource", "cmd", "deploy", "docs", "ingest", "overview", "product", "store"}
	for folder := range sourceFiles(t) {
		if top, _, _ := strings.Cut(folder, "/"); !slices.Contains(given, top) {
			t.Errorf("%s is not below one of %v", folder, given)
		}
	}
}

// TestParquetHasOneRoom holds that the largest of the libraries stays where it can
// be taken out again.
func TestParquetHasOneRoom(t *testing.T) {
	for folder, files := range sourceFiles(t) {
		for _, f := range files {
			for _, path := range f.imports() {
				if strings.HasPrefix(path, parquetModule) && folder != tabularFolder {
					t.Errorf("%s imports %s: only %s may", f.path, path, tabularFolder)
				}
			}
		}
	}
}

func allowedImport(path string, allowed []string) bool {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") })
}

// TestClockIsHandedIn holds that only cmd asks for the time or sleeps, and of the
// server's program only what the process begins with.
func TestClockIsHandedIn(t *testing.T) {
	for folder, files := range sourceFiles(t) {
		if _, ruled := imports[folder]; !ruled {
			continue
		}
		for _, f := range files {
			if f.path == server+"/program/program.go" {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep"}, sel.Sel.Name) {
					t.Errorf("%s uses time.%s", f.path, sel.Sel.Name)
				}
				return true
			})
		}
	}
}

// TestOnlyTheServerBounds holds that no command on a file bounds its queue or its size:
// it does not know what the server was told, and would cut what the server has kept.
func TestOnlyTheServerBounds(t *testing.T) {
	found := 0
	for _, files := range sourceFiles(t) {
		for _, f := range files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				pair, ok := n.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				key, ok := pair.Key.(*ast.Ident)
				if !ok || key.Name != "QueueBytes" && key.Name != "MaxBytes" {
					return true
				}
				if found++; f.path != server+"/serve/open.go" {
					t.Errorf("%s bounds %s", f.path, key.Name)
				}
				return true
			})
		}
	}
	if found == 0 {
		t.Error("nobody does")
	}
}

type sourceFile struct {
	path string
	ast  *ast.File
}

func (f sourceFile) imports() (paths []string) {
	for _, spec := range f.ast.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

// sourceFiles parses the project's files, tests apart, by folder.
func sourceFiles(t *testing.T) map[string][]sourceFile {
	t.Helper()
	files := make(map[string][]sourceFile)
	err := filepath.WalkDir(Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(Root, path)
		if err != nil {
			return err
		}
		files[filepath.Dir(rel)] = append(files[filepath.Dir(rel)], sourceFile{rel, parsed})
		return nil
	})
	if err != nil || len(files["store"]) == 0 {
		t.Fatalf("found %d folders: %v", len(files), err)
	}
	return files
}
