package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/glimpse-ml/glimpse/internal/spelling"
)

// usageError is a wrong call: exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// usagef makes a usageError that ends with where to read how it is called.
func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...) + fmt.Sprintf("; see `%s --help`", cmd.CommandPath())}
}

// checkCommand gives an error when args name a command that there is none of, with the nearest one.
func checkCommand(root *cobra.Command, args []string) error {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	if len(args) > 0 && strings.HasPrefix(args[0], "__complete") {
		return nil // the shells' completion, which cobra answers
	}
	cmd, rest, err := root.Find(args)
	if err != nil || !cmd.HasSubCommands() || cmd.Annotations[takesArguments] != "" {
		return nil // cobra takes it from here
	}
	for i := 0; i < len(rest); i++ {
		if !strings.HasPrefix(rest[i], "-") {
			return unknownCommand(cmd, rest[i])
		}
		if takesValue(cmd, rest[i]) {
			i++
		}
	}
	return nil
}

// takesValue says whether what stands behind a flag on the command line is the flag's value.
func takesValue(cmd *cobra.Command, arg string) bool {
	var flag *pflag.Flag
	if name, long := strings.CutPrefix(arg, "--"); long {
		flag = cmd.Flag(name) // none where it is --name=value
	} else if len(arg) == 2 {
		flag = cmd.Flags().ShorthandLookup(arg[1:])
	}
	return flag != nil && flag.NoOptDefVal == ""
}

// takesArguments marks a command that has commands of its own and is also called with arguments.
const takesArguments = "takes arguments"

func unknownCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef(parent, "expected one of the commands %s, found %q%s", strings.Join(names, ", "), name, didYouMean("", name, names))
}

// group makes a command of commands: alone it shows its help and fails.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.Args = cobra.ArbitraryArgs // checkCommand has seen them
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cmd.SetOut(cmd.ErrOrStderr())
		if err := cmd.Help(); err != nil {
			return err
		}
		return usagef(cmd, "expected a command after `%s`, found none", cmd.CommandPath())
	}
	return cmd
}

// wantArgs makes the check of a command's arguments from their names; a last one that ends in "..." stands for one
// or more.
func wantArgs(names ...string) cobra.PositionalArgs {
	many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) || many && len(args) > len(names) {
			return nil
		}
		want := "no arguments"
		if len(names) > 0 {
			want = strings.Join(names, " ")
		}
		got := "none"
		if len(args) > 0 {
			got = fmt.Sprintf("%q", args)
		}
		return usagef(cmd, "expected %s after `%s`, found %s", want, cmd.CommandPath(), got)
	}
}

// requireFlags fails when one of the flags is not given.
func requireFlags(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if !cmd.Flags().Changed(name) {
			return usagef(cmd, "expected the flag --%s with a value, found none", name)
		}
	}
	return nil
}

// oneOf fails when a flag's value is none of those that are possible.
func oneOf(cmd *cobra.Command, flag, value string, possible ...string) error {
	if slices.Contains(possible, value) {
		return nil
	}
	return usagef(cmd, "expected --%s to be %s, found %q%s", flag, strings.Join(possible, " or "), value, didYouMean("", value, possible))
}

// flagError words what pflag says of a flag it cannot take.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usagef(cmd, "unknown flag -%s", name)
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return usagef(cmd, "unknown flag --%s%s", name, didYouMean("--", name, names))
	}
	return usagef(cmd, "%s", err)
}

// didYouMean is ", did you mean X?" when a candidate is near enough to what was typed.
func didYouMean(prefix, typed string, candidates []string) string {
	best, distance := "", max(2, len(typed)/3)+1
	for _, c := range candidates {
		d := spelling.Distance(typed, c)
		if strings.HasPrefix(c, typed) {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %s%s?", prefix, best)
}
