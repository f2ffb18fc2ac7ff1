// Package cli is what the commands of the program share, the server among them.
//
// [Environment] is all that comes from outside (environment.go), and defaults.go says
// where things are if no flag does. Flags get their twins in the environment
// ([BindTwins], twins.go), that for the file has two names ([TakeBothNames], names.go), and a
// command refuses what is wrong with them, all at once
// ([Checked], with the checks of check.go; time spans are in
// duration.go), as a [UsageError] (usage.go). What is spelled like a twin and is none, [Strangers] tell (strangers.go). Where a listener is found from
// beside it, [OnThisMachine] says (address.go). A command that
// takes long shows how far it is ([Progress], progress.go). One that writes a file gives
// it its name when it is whole ([WriteOut], outfile.go). All speak alike (words.go).
package cli
