package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/answering"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// asked is what `glimpse ask --json` prints.
type asked struct {
	File     string               `json:"file"`
	Question string               `json:"question"`
	Answer   string               `json:"answer"`  // the likeliest
	Answers  []answering.Answered `json:"answers"` // all or the --top ones, the likeliest first
}

func askCommand() *cobra.Command {
	var run string
	var top int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ask --run RUNDIR IMAGE QUESTION",
		Short: "Ask a question about a picture",
		Long: `Ask answers a question about a picture with a network that was trained to, on what a CLIP sees
(glimpse train built/answering). The answer is one of those that the network has learned to choose from: yes and no,
numbers, colours, shapes, sizes and textures. The whole picture is squashed to the square that
the tower sees.

The network knows drawn scenes and the words of the questions about them: a word that it does not know is an error
that lists those that it knows. It answers whatever is asked, also where a question makes no sense for a picture.`,
		Example: examples(
			`glimpse ask --run runs/answering scene.png "what colour is the circle?"`,
			`glimpse ask --run runs/answering scene.png "is the red circle left of the blue square?" --json`),
		Args: wantArgs("IMAGE", "QUESTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "run"); err != nil {
				return err
			}
			if top < 0 {
				return usagef(cmd, "expected --top to be 0 or more, found %d", top)
			}
			answers, err := ask(cmd, run, args[0], args[1])
			if err != nil {
				return err
			}
			if top > 0 {
				answers = answers[:min(top, len(answers))]
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), asked{args[0], args[1], answers[0].Answer, answers})
			}
			return printTable(cmd.OutOrStdout(), func(table io.Writer) {
				fmt.Fprintln(table, strings.TrimSpace(args[1]))
				for _, a := range answers {
					fmt.Fprintf(table, "    %s\t%5.1f%%\n", a.Answer, 100*a.Probability)
				}
			})
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "`folder` of the run that trained the network, or of the network itself")
	cmd.Flags().IntVar(&top, "top", 3, "show the `n` likeliest answers; 0 for all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// ask loads a network and asks it.
func ask(cmd *cobra.Command, run, file, question string) ([]answering.Answered, error) {
	picture, err := openPicture(file)
	if err != nil {
		return nil, err
	}
	m, err := answering.Load(run)
	if err != nil {
		return nil, err
	}
	if _, err := m.Config.Encode(question); err != nil { // before a backend is opened
		return nil, err
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	defer m.Close()
	return m.Ask(b.Backend, picture, question)
}
