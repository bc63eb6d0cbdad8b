package experiments

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// settingsReader walks the nodes of a YAML file. The library's decoder is not used: it takes yes for text and 1e-3 for text, 010 for 8,
// follows anchors, and has no places to tell of.
type settingsReader struct {
	settings *Settings
}

const maxBlankLines = 50

var blankLines = regexp.MustCompile(fmt.Sprintf(`(\n[ \t]*){%d}\n`, maxBlankLines))

// parseSettings reads the text of a YAML file.
func parseSettings(file string, data []byte) (s *Settings, err error) {
	if len(data) > maxSettingsBytes {
		return nil, fmt.Errorf("%s: expected a file of settings of at most %d KiB, found a larger one", file, maxSettingsBytes>>10)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: expected YAML in UTF-8, found bytes that are none", file)
	}
	defer func() { // the parser is known to panic on some texts that are no YAML
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("%s: expected YAML, found a text that cannot be read as such", file)
		}
	}()
	r := settingsReader{&Settings{File: file, places: places{}}}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(data), "\ufeff"))
	if blankLines.MatchString(text) { // the square of their number in a text of several lines
		return nil, fmt.Errorf("%s: expected fewer than %d empty lines in a row, found more", file, maxBlankLines)
	}
	signs := lexer.Tokenize(text)
	if err := r.checkSize(signs); err != nil {
		return nil, err
	}
	tree, err := parser.Parse(signs, 0)
	if err != nil {
		return nil, r.syntax(err)
	}
	if err := r.documents(tree.Docs); err != nil {
		return nil, err
	}
	return r.settings, nil
}

// checkSize refuses what the parser would need too much time and memory for: it spends the square of the depth and of the length of a list of keys.
func (r settingsReader) checkSize(signs token.Tokens) error {
	flow, columns := 0, []int{} // brackets that are open, and the columns of the block collections that are
	var before *token.Token
	for i, sign := range signs {
		if i >= maxSettingsSigns {
			return r.errorAt(sign, "expected at most %d words and signs in a file of settings, found more", maxSettingsSigns)
		}
		column := sign.Position.Column
		switch sign.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
		case token.MappingValueType, token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			if sign.Type == token.MappingValueType && before != nil {
				column = before.Position.Column
			}
			for len(columns) > 0 && columns[len(columns)-1] >= column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, column)
		}
		if flow+len(columns) > maxSettingsDepth {
			return r.errorAt(sign, "expected settings that lie at most %d deep, found deeper ones", maxSettingsDepth)
		}
		before = sign
	}
	return nil
}

func (r settingsReader) place(t *token.Token) string {
	if t == nil || t.Position == nil {
		return r.settings.File
	}
	return fmt.Sprintf("%s:%d:%d", r.settings.File, t.Position.Line, t.Position.Column)
}

func (r settingsReader) errorAt(t *token.Token, format string, args ...any) error {
	return fmt.Errorf("%s: %s", r.place(t), fmt.Sprintf(format, args...))
}

// syntax words what the parser says in one line.
func (r settingsReader) syntax(err error) error {
	var known yaml.Error
	if errors.As(err, &known) {
		return r.errorAt(known.GetToken(), "expected YAML, found a mistake: %s", oneLine(known.GetMessage()))
	}
	return r.errorAt(nil, "expected YAML, found a mistake: %s", oneLine(err.Error()))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// documents takes the one document that a file may have; one without settings is as good as an empty file.
func (r settingsReader) documents(docs []*ast.DocumentNode) error {
	if len(docs) == 0 {
		return nil
	}
	if directive, ok := docs[0].Body.(*ast.DirectiveNode); ok {
		return r.errorAt(directive.Start, "expected settings, found a directive, which is not read here")
	}
	if len(docs) > 1 {
		return r.errorAt(docs[1].Start, "expected one document of settings, found several")
	}
	switch body := docs[0].Body.(type) {
	case nil, *ast.CommentGroupNode, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		return r.mapping("", body.Values)
	case *ast.MappingValueNode:
		return r.mapping("", []*ast.MappingValueNode{body})
	default:
		if _, err := r.value("", body); err != nil {
			return err
		}
		return r.errorAt(body.GetToken(), "expected settings, such as batch_size: 64, found %s", r.written(body))
	}
}

// mapping takes settings and those below them.
func (r settingsReader) mapping(above string, entries []*ast.MappingValueNode) error {
	for _, entry := range entries {
		path, err := r.name(above, entry)
		if err != nil {
			return err
		}
		switch value := entry.Value.(type) {
		case *ast.MappingNode:
			if len(value.Values) > 0 {
				err = r.mapping(path, value.Values)
			} else {
				r.add(path, map[string]any{}, value)
			}
		case *ast.MappingValueNode:
			err = r.mapping(path, []*ast.MappingValueNode{value})
		default:
			var v any
			if v, err = r.value(path, value); err == nil {
				r.add(path, v, value)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r settingsReader) add(path string, value any, node ast.Node) {
	r.settings.list = append(r.settings.list, setting{path, value, r.written(node)})
}

// name is the path of an entry, whose place it notes.
func (r settingsReader) name(above string, entry *ast.MappingValueNode) (string, error) {
	scalar, ok := entry.Key.(ast.ScalarNode)
	if _, merge := entry.Key.(*ast.MergeKeyNode); merge || !ok {
		return "", r.errorAt(entry.Key.GetToken(), "expected the name of a setting, found %s; merge keys, anchors and tags are not read here", r.written(entry.Key))
	}
	key := scalar.GetToken().Value
	path := strings.TrimPrefix(above+"."+key, ".")
	place := r.place(scalar.GetToken())
	if first, twice := r.settings.places[path]; twice {
		return "", fmt.Errorf("%s: setting %s: expected it once, found it twice (first at %s)", place, path, first)
	}
	r.settings.places[path] = place
	return path, nil
}

// value is what a node says, as [decode] gives it.
func (r settingsReader) value(path string, node ast.Node) (any, error) {
	switch n := node.(type) {
	case nil:
		return nil, nil
	case *ast.NullNode:
		return nil, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode:
		if number, ok := plainNumber(n.Value); ok && n.Token.Type == token.StringType {
			return number, nil // such as 1e-3, which the library takes for text
		}
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode:
		text := n.GetToken().Value
		if number, ok := plainNumber(text); ok && !leadingZero.MatchString(text) {
			return number, nil
		}
		return nil, r.errorAt(n.GetToken(), "setting %s: expected a number in plain decimal digits, found %s; put text into quotes", path, text)
	case *ast.NanNode, *ast.InfinityNode:
		return nil, r.errorAt(n.GetToken(), "setting %s: expected a finite number, found %s", path, n.GetToken().Value)
	case *ast.SequenceNode:
		list := []any{}
		for i, item := range n.Values {
			below := fmt.Sprintf("%s[%d]", path, i)
			r.settings.places[below] = r.place(item.GetToken())
			v, err := r.value(below, item)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case *ast.MappingNode:
		return r.object(path, n.Values)
	case *ast.MappingValueNode:
		return r.object(path, []*ast.MappingValueNode{n})
	}
	return nil, r.errorAt(node.GetToken(), "setting %s: expected a value, found %s; anchors, aliases and tags are not read here", path, r.written(node))
}

// object is a mapping within a list.
func (r settingsReader) object(above string, entries []*ast.MappingValueNode) (any, error) {
	tree := map[string]any{}
	for _, entry := range entries {
		path, err := r.name(above, entry)
		if err != nil {
			return nil, err
		}
		v, err := r.value(path, entry.Value)
		if err != nil {
			return nil, err
		}
		tree[entry.Key.GetToken().Value] = v
	}
	return tree, nil
}

// written is a node as it was written, for a sentence.
func (r settingsReader) written(node ast.Node) string {
	if _, null := node.(*ast.NullNode); null || node == nil {
		return "null"
	}
	return shortened(oneLine(node.String()))
}
