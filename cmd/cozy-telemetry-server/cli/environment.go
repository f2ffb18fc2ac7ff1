package cli

import (
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/mattn/go-isatty"
)

// Name is what the program is called in its messages.
const Name = "cozy-telemetry-server"

// Environment is all that the program takes from outside. All of it is required.
type Environment struct {
	Args           []string
	Getenv         func(key string) (value string, ok bool)
	Environ        func() []string // what Getenv knows, as os.Environ has it
	Stdout, Stderr io.Writer
	Now            func() time.Time
}

// Version is the module's version, or its commit, as the Go tool has noted it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// IsTerminal tells whether somebody may be looking on.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
