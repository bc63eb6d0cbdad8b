package experiments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// YAML is a configuration as a file that [ReadSettings] reads: every setting on a line of its own, in the order of the
// JSON it is made from, lists in brackets, numbers digit by digit as they were.
func YAML(config json.RawMessage) ([]byte, error) {
	w := yamlWriter{decoder: json.NewDecoder(bytes.NewReader(config))}
	w.decoder.UseNumber()
	if first, err := w.decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, fmt.Errorf("expected a configuration with named settings, found %.40s", config)
	}
	if err := w.mapping(0); err != nil {
		return nil, err
	}
	if _, err := w.decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("expected one configuration, found more than one")
	}
	return w.out.Bytes(), nil
}

type yamlWriter struct {
	decoder *json.Decoder
	out     bytes.Buffer
}

// mapping writes the settings of an object that was opened, and closes it.
func (w *yamlWriter) mapping(depth int) error {
	for w.decoder.More() {
		key, err := w.decoder.Token()
		if err != nil {
			return err
		}
		fmt.Fprintf(&w.out, "%s%s:", strings.Repeat("  ", depth), plainOrQuoted(key.(string)))
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		if token == json.Delim('{') && w.decoder.More() {
			w.out.WriteByte('\n')
			if err := w.mapping(depth + 1); err != nil {
				return err
			}
			continue
		}
		w.out.WriteByte(' ')
		if err := w.flow(token); err != nil {
			return err
		}
		w.out.WriteByte('\n')
	}
	_, err := w.decoder.Token() // the closing brace
	return err
}

// flow writes a value in one line.
func (w *yamlWriter) flow(token json.Token) error {
	delim, ok := token.(json.Delim)
	if !ok {
		w.out.WriteString(scalar(token))
		return nil
	}
	w.out.WriteString(delim.String())
	for i := 0; w.decoder.More(); i++ {
		if i > 0 {
			w.out.WriteString(", ")
		}
		next, err := w.decoder.Token()
		if err != nil {
			return err
		}
		if delim == '{' {
			w.out.WriteString(plainOrQuoted(next.(string)) + ": ")
			if next, err = w.decoder.Token(); err != nil {
				return err
			}
		}
		if err := w.flow(next); err != nil {
			return err
		}
	}
	closing, err := w.decoder.Token()
	if err != nil {
		return err
	}
	w.out.WriteString(closing.(json.Delim).String())
	return nil
}

func scalar(token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case string:
		return plainOrQuoted(v)
	}
	return fmt.Sprint(token) // a json.Number or a bool, as YAML has them too
}

// plainText needs no quotes, unless it is one of reserved.
var (
	plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_/-]*$`)
	reserved  = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
)

// plainOrQuoted is text as YAML takes it for text. Quoted, it is JSON's, which writes what is no control character as it is.
func plainOrQuoted(text string) string {
	if plainText.MatchString(text) && !slices.Contains(reserved, strings.ToLower(text)) {
		return text
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // text can always be encoded
	}
	return strings.TrimSpace(quoted.String())
}
