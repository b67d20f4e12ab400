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
	Sessions sessionsCommand `cmd:"" help:"Show who is online: address, port, transport, TLS, client, since when."`
	Headless headlessCommand `cmd:"" help:"Run a client that speaks JSON lines on standard input and output."`
	Demo     demoCommand     `cmd:"" help:"Play the whole story on this machine: sign-in, buddies, direct messages, fallback. Takes under a minute."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

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
	parser, err := kong.New(&c,
		kong.Name("godwit"),
		kong.Description("Instant messaging that flies direct. A server that signs people in and introduces them; from then on their messages travel between themselves."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.PostBuild(nameEnvironment),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exited = code }),
		kong.Resolvers(&configFile{}),
	)
	if err != nil {
		fmt.Fprintln(io.err, "godwit:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was printed
		return exited
	}
	if err != nil {
		fmt.Fprintln(io.err, "godwit:", err)
		fmt.Fprintln(io.err, "Try: godwit --help")
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(io)
	parsed.Bind(parsed)
	if err := parsed.Run(); err != nil {
		var usage *usageError
		if errors.As(err, &usage) {
			fmt.Fprintln(io.err, "godwit:", err)
			return exitUsage
		}
		if !errors.Is(err, errReported) {
			fmt.Fprintln(io.err, "godwit:", err)
		}
		return exitFailed
	}
	return exitOK
}

// nameEnvironment gives every flag its variable: --listen-c2s is GODWIT_LISTEN_C2S.
func nameEnvironment(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && flag.Name != "help" && flag.Name != "version" {
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

// Run implements the command.
func (versionCommand) Run(io streams) error {
	_, err := fmt.Fprintln(io.out, "godwit", Version)
	return err
}
