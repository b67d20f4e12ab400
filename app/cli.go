package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Version of the program, shown by --version and told to peers.
const Version = "0.1.0"

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line. A flag's name, help and default stand here once; the configuration file of `godwit serve` is made from them.
type cli struct {
	Serve    serveCommand    `cmd:"" help:"Run the server."`
	User     userCommand     `cmd:"" help:"Add, change, remove and list accounts."`
	Invite   inviteCommand   `cmd:"" help:"Make a link that lets somebody in: to make an account, to become a contact."`
	Sessions sessionsCommand `cmd:"" help:"Show who is online: address, port, transport, TLS, client, since when."`
	Headless headlessCommand `cmd:"" help:"Run a client that speaks JSON lines on standard input and output."`
	Nat      natCommand      `cmd:"" help:"Find out what kind of network this machine is behind, and what will work from here."`
	Demo     demoCommand     `cmd:"" help:"Play the whole story on this machine: sign-in, buddies, direct messages, fallback. Takes under a minute."`
	Version  versionCommand  `cmd:"" help:"Print the version."`

	PrintVersion kong.VersionFlag `name:"version" hidden:""`
}

// defaultData is the server's data directory where nothing else is said.
const defaultData = "./godwit-data"

// streams are where a command reads and writes; tests give it their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string) int {
	return run(ctx, args, streams{os.Stdin, os.Stdout, os.Stderr})
}

// run parses the command line and runs the command it names.
func run(ctx context.Context, args []string, io streams) int {
	var c cli
	exited := -1
	shown := io.out
	if len(args) == 0 { // a question, not a command
		args, shown = []string{"--help"}, io.err
	}
	file := &configFile{}
	parser, err := kong.New(&c,
		kong.Name("godwit"),
		kong.Description("Instant messaging that flies direct. A server that signs people in and introduces them; from then on their messages travel between themselves."+
			"\n\nA flag can also be given in the environment: --listen-c2s is $GODWIT_LISTEN_C2S. Switches without a key in the configuration file can not."),
		kong.Vars{"version": "godwit " + Version, "data": defaultData},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ValueFormatter(describeFlag),
		kong.PostBuild(nameEnvironment),
		kong.Writers(shown, io.err),
		kong.Exit(func(code int) { exited = code }),
		kong.Resolvers(file),
	)
	if err != nil {
		fmt.Fprintln(io.err, "godwit:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0 && shown == io.err:
		return exitUsage
	case exited >= 0: // --help or --version was printed
		return exited
	case file.err != nil: // without the name of the flag that was to be read from it
		return report(io, "", file.err, "godwit serve")
	case err != nil:
		return report(io, "", err, helpFor(err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(io)
	parsed.Bind(parsed)
	if err := parsed.Run(); err != nil {
		return report(io, parsed.Command(), err, parsed.Selected().FullPath())
	}
	return exitOK
}

// report says what went wrong and returns the exit code for it. An error of the parser (no command) is a mistake of usage.
func report(io streams, command string, err error, path string) int {
	switch {
	case errors.Is(err, errReported):
		return exitFailed
	case errors.Is(err, context.Canceled): // only a signal cancels
		fmt.Fprintln(io.err, "godwit: interrupted")
		return exitFailed
	}
	fmt.Fprintln(io.err, "godwit:", err)
	var usage *usageError
	if command != "" && !errors.As(err, &usage) {
		return exitFailed
	}
	fmt.Fprintf(io.err, "Try: %s --help\n", path)
	return exitUsage
}

// helpFor is the command whose help explains a mistake.
func helpFor(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			return node.FullPath()
		}
	}
	return "godwit"
}

// describeFlag is the help of a flag, with its default where the usage shows something else in its place.
func describeFlag(v *kong.Value) string {
	if v.Flag == nil || v.Default == "" || v.Flag.PlaceHolder == "" || v.IsBool() {
		return v.Help
	}
	return v.Help + " Default: " + v.Default
}

// nameEnvironment gives every flag its variable: --listen-c2s is GODWIT_LISTEN_C2S. Switches that are no setting of the server have none: what
// they do (printing something else, trusting everybody) should not linger in an environment.
func nameEnvironment(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && (!flag.IsBool() || flag.Tag.Get("toml") != "") {
			flag.Tag.Envs = []string{"GODWIT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}
		}
		return next(nil)
	})
}

// usageError is a mistake of whoever typed the command.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errReported ends a command that has said already what is wrong.
var errReported = errors.New("reported")

type versionCommand struct{}

// Help is shown below the usage.
func (versionCommand) Help() string {
	return `The same as --version.

  godwit version`
}

// Run implements the command.
func (versionCommand) Run(io streams) error {
	_, err := fmt.Fprintln(io.out, "godwit", Version)
	return err
}
