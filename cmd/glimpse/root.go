package main

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot is the tree of commands. Each lies in a file of its own name.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "glimpse",
		Short: "A lab for how machines learned to connect pictures and words",
		Long: `Glimpse is a lab for one question: how did machines learn to connect pictures and words?
It trains and runs what the papers describe, from captioning with attention to CLIP.

A first visit:
  glimpse doctor               what this machine can do, and the commands that bring what is missing
  glimpse data list            the data sets, and which of them are here`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	return group(root,
		doctorCommand(), dataCommand(), modelCommand(), backendCommand(), versionCommand(),
		demoCommand(), notebookCommand(),
		trainCommand(), resumeCommand(), sweepCommand(), reportCommand(), runsCommand(), evalCommand(), captionCommand(), askCommand(), segmentCommand(), classifyCommand(), generateCommand(),
		indexCommand(), searchCommand(), filterCommand(),
		// for scripts
		attendCommand(), beamCommand(), lossCommand(), encodeCommand(), metricsCommand(), benchCommand(), benchWorkerCommand(), tokenizeCommand(), preprocessCommand(),
	)
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help on any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkCommand(cmd.Root(), args); err != nil {
				return err
			}
			topic, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// printJSON writes one object on one line.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// examples indents the lines of a command's examples.
func examples(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
