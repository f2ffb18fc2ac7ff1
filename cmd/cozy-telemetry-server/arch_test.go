package main

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
	exportFolder  = "cmd/cozy-telemetry-server/export"
	backupFolder  = "cmd/cozy-telemetry-server/backup"
	parquetModule = "github.com/parquet-go/parquet-go"
)

// imports says what each folder may import: of the project, and of the outside
// beyond the standard library. docs/decisions.md says why.
var imports = map[string][]string{
	"store/rollup":       {},
	"store/durable":      {},
	"store":              {module + "store/rollup", module + "store/durable", "go.etcd.io/bbolt", "github.com/klauspost/compress", "golang.org/x/sync"},
	"internal/jsonerror": {},
	"ingest": {
		module + "internal/jsonerror", module + "store/rollup", "github.com/prometheus/common", "github.com/prometheus/client_model",
		"github.com/labstack/echo/v4",
		"github.com/hashicorp/golang-lru/v2", "golang.org/x/sync", "golang.org/x/time",
	},
	"forward": {module + "store/rollup", "github.com/rs/zerolog", "github.com/cenkalti/backoff/v5"},
	"overview": {
		module + "internal/jsonerror", module + "store/rollup", module + "store/durable", "github.com/prometheus/client_golang/api",
		"github.com/prometheus/common/model", "github.com/labstack/echo/v4", "github.com/rs/zerolog", "golang.org/x/sync",
	},
	"overview/mirror": {module + "store/rollup", module + "store/durable", "github.com/rs/zerolog"},
	"overview/backfill": {
		module + "store/rollup", "github.com/prometheus/common/model", "golang.org/x/sync", "github.com/cenkalti/backoff/v5",
	},
	"appsource":  {},
	exportFolder: {module + "store", module + "overview", module + "appsource", parquetModule, "golang.org/x/mod"},
	backupFolder: {module + "internal/jsonerror", module + "store", "github.com/rs/zerolog"},
	".ci":        {},
}

// echoFiles is where echo may be imported beside cmd: its v4 line ends soon, and
// a move must stay small.
const echoFiles = "handler"

func TestImportRule(t *testing.T) {
	for folder, files := range sourceFiles(t) {
		allowed, ruled := imports[folder]
		if !ruled {
			if !strings.HasPrefix(folder, "cmd/") {
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

// TestParquetHasOneRoom holds that the largest of the libraries stays where it can
// be taken out again.
func TestParquetHasOneRoom(t *testing.T) {
	for folder, files := range sourceFiles(t) {
		for _, f := range files {
			for _, path := range f.imports() {
				if strings.HasPrefix(path, parquetModule) && folder != exportFolder {
					t.Errorf("%s imports %s: only %s may", f.path, path, exportFolder)
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

// TestClockIsHandedIn holds that only cmd asks for the time or sleeps, and its
// packages export and backup do not.
func TestClockIsHandedIn(t *testing.T) {
	for folder, files := range sourceFiles(t) {
		if _, ruled := imports[folder]; !ruled {
			continue
		}
		for _, f := range files {
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
				if found++; f.path != "cmd/cozy-telemetry-server/open.go" {
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
	const top = "../.."
	files := make(map[string][]sourceFile)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
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
