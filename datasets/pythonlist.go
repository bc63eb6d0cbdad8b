package datasets

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// pythonLists reads the assignments of lists of strings, or of lists of such lists, at the beginning of lines of Python;
// other lines and other lists are left alone. A string in the outer list is a list of one.
func pythonLists(source string) (map[string][][]string, error) {
	lists := map[string][][]string{}
	for _, at := range pythonList.FindAllStringSubmatchIndex(source, -1) {
		name := source[at[2]:at[3]]
		if !strings.HasSuffix(name, "classes") && !strings.HasSuffix(name, "templates") {
			continue
		}
		p := pythonReader{rest: source[at[1]:]}
		list, err := p.list(true)
		if err != nil {
			return nil, fmt.Errorf("the list %s: %w", name, err)
		}
		lists[name] = list
	}
	return lists, nil
}

// pythonReader reads Python's strings and commas.
type pythonReader struct{ rest string }

// list reads to the bracket that closes a list of strings and, when it is the outer one, of lists of strings.
func (p *pythonReader) list(outer bool) ([][]string, error) {
	list := [][]string{}
	for {
		p.skip()
		switch {
		case strings.HasPrefix(p.rest, "]"):
			p.rest = p.rest[1:]
			return list, nil
		case outer && strings.HasPrefix(p.rest, "["):
			p.rest = p.rest[1:]
			inner, err := p.list(false)
			if err != nil {
				return nil, err
			}
			list = append(list, slices.Concat(inner...))
		default:
			text, err := p.text()
			if err != nil {
				return nil, err
			}
			list = append(list, []string{text})
		}
		p.skip()
		if !strings.HasPrefix(p.rest, ",") && !strings.HasPrefix(p.rest, "]") {
			return nil, fmt.Errorf("expected a comma or the end of the list, found %s", p.next())
		}
		p.rest = strings.TrimPrefix(p.rest, ",")
	}
}

// text reads a string in single or double quotes, and strings that follow it, which Python joins.
func (p *pythonReader) text() (string, error) {
	var out strings.Builder
	for quoted := false; ; quoted = true {
		p.skip()
		if p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
			if quoted {
				return out.String(), nil
			}
			return "", fmt.Errorf("expected a string in quotes, found %s", p.next())
		}
		quote := p.rest[0]
		p.rest = p.rest[1:]
		for {
			if p.rest == "" || p.rest[0] == '\n' {
				return "", fmt.Errorf("expected a %c at the end of the string %q, found the end of the line", quote, out.String())
			}
			c := p.rest[0]
			p.rest = p.rest[1:]
			if c == quote {
				break
			}
			if c == '\\' && p.rest != "" {
				if i := strings.IndexByte(`nt\'"`, p.rest[0]); i >= 0 {
					c = "\n\t\\'\""[i]
					p.rest = p.rest[1:]
				} else if p.rest[0] == '\n' {
					p.rest = p.rest[1:]
					continue
				}
			}
			out.WriteByte(c)
		}
	}
}

// skip passes spaces and comments.
func (p *pythonReader) skip() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		if !strings.HasPrefix(p.rest, "#") {
			return
		}
		_, p.rest, _ = strings.Cut(p.rest, "\n")
	}
}

func (p *pythonReader) next() string {
	if p.rest == "" {
		return "the end of the text"
	}
	r, _ := utf8.DecodeRuneInString(p.rest)
	return fmt.Sprintf("%q", r)
}
