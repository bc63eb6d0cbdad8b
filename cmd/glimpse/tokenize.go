package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
)

// tokenized is one line of output, or error is.
type tokenized struct {
	IDs       []int32 `json:"ids"`
	Truncated bool    `json:"truncated"`
}

func tokenizeCommand() *cobra.Command {
	var vocab string
	var context int
	var truncate bool
	cmd := &cobra.Command{
		Use:   "tokenize [--truncate] [--context 77] [--vocab FILE] < TEXTS",
		Short: "The ids that CLIP's text tower reads, for texts of your own",
		Long: `Tokenize reads one JSON string a line from standard input and writes one JSON object a line: the ids of CLIP's
byte-pair encoding, from the start token to the end token, without padding. A line that is no JSON string, or whose
text does not fit into the context, becomes {"error":"..."}; the others are done all the same, and the exit code is 1.

The vocabulary is the published one, found as data set clip-vocab (glimpse data get clip-vocab), or --vocab: a file
bpe_simple_vocab_16e6.txt.gz, merges.txt, vocab.json with merges.txt beside it, tokenizer.json of Hugging Face or of a
model that was trained here, or a folder with one of them.`,
		Example: examples(
			`echo '"a photo of a cat"' | glimpse tokenize`,
			`glimpse tokenize --truncate --context 32 < captions.jsonl > ids.jsonl`,
			`echo '"a red shirt"' | glimpse tokenize --vocab runs/clip/model`,
		),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if context < 2 {
				return usagef(cmd, "expected --context to be 2 or more, for start and end, found %d", context)
			}
			tokenizer, err := openTokenizer(vocab)
			if err != nil {
				return err
			}
			return tokenizeLines(cmd, func(text string) (tokenized, error) {
				ids, truncated, err := tokenizer.Encode(text, context, truncate)
				return tokenized{ids, truncated}, err
			})
		},
	}
	cmd.Flags().StringVar(&vocab, "vocab", "", "vocabulary, a file or a folder with one, instead of the published one")
	cmd.Flags().IntVar(&context, "context", 77, "most ids of a text, with start and end")
	cmd.Flags().BoolVar(&truncate, "truncate", false, "cut texts that are too long, keeping the end token")
	return cmd
}

func openTokenizer(vocab string) (*clip.Tokenizer, error) {
	if vocab != "" {
		return clip.LoadTokenizer(vocab)
	}
	return clip.PublishedTokenizer("")
}

// tokenizeLines encodes standard input line by line. What is written so far is not held back when input ends or breaks.
func tokenizeLines(cmd *cobra.Command, encode func(text string) (tokenized, error)) error {
	in := bufio.NewReaderSize(cmd.InOrStdin(), 1<<16)
	out := bufio.NewWriter(cmd.OutOrStdout())
	lines, failed := 0, 0
	for ended := false; !ended; {
		if err := cmd.Context().Err(); err != nil {
			return errors.Join(out.Flush(), err)
		}
		line, err := in.ReadBytes('\n')
		if ended = err != nil; ended && err != io.EOF {
			return errors.Join(out.Flush(), fmt.Errorf("cannot read standard input: %w", err))
		}
		if ended && len(line) == 0 {
			break
		}
		lines++
		var result any
		text, err := jsonString(line)
		if err == nil {
			result, err = encode(text)
		}
		if err != nil {
			failed++
			result = map[string]string{"error": sentence(err)}
		}
		if err := printJSON(out, result); err != nil {
			return err
		}
		if in.Buffered() == 0 { // somebody may be waiting for the answer
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d lines have no ids; their lines of output say why", failed, lines)
	}
	return nil
}

// jsonString is the string that a line holds.
func jsonString(line []byte) (string, error) {
	if !utf8.Valid(line) {
		return "", errors.New("expected a JSON string in UTF-8, found bytes that are not UTF-8")
	}
	line = bytes.TrimSpace(line)
	var text *string
	if err := json.Unmarshal(line, &text); err != nil || text == nil {
		return "", fmt.Errorf("expected a JSON string such as \"a photo of a cat\", found %s", shortened(line))
	}
	return *text, nil
}

// shortened is the beginning of a line, for a message.
func shortened(line []byte) string {
	const enough = 60
	switch {
	case len(line) == 0:
		return "an empty line"
	case utf8.RuneCount(line) <= enough:
		return string(line)
	}
	return string([]rune(string(line))[:enough]) + "..."
}
