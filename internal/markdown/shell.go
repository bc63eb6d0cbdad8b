package markdown

import "strings"

// Commands are the simple commands of shell lines, each as its words: comments, prompts ($), redirections, assignments and the words of loops are
// left out, pipes and semicolons part commands, and a line that ends in \ goes on. A variable stays as it is written, and so does what
// stands in quotes, without them.
func Commands(text string) (all [][]string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		var words []string
		end := func() {
			if words = command(words); len(words) > 0 {
				all = append(all, words)
			}
			words = nil
		}
		for _, w := range split(strings.TrimPrefix(strings.TrimSpace(line), "$ ")) {
			if !w.quoted && (w.text == ";" || w.text == "|" || w.text == "&") {
				end()
				continue
			}
			words = append(words, w.text)
		}
		end()
	}
	return all
}

type word struct {
	text   string
	quoted bool
}

// split parts a line into words, and single signs ; | & of their own. Redirections and comments are left out.
func split(line string) (words []word) {
	var now strings.Builder
	inside, quoted, skip := false, false, false // in a word; which has quotes; which is the target of a redirection
	end := func() {
		if inside && !skip {
			words = append(words, word{now.String(), quoted})
		}
		skip = skip && !inside
		now.Reset()
		inside, quoted = false, false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'' || c == '"':
			n := strings.IndexByte(line[i+1:], c)
			if n < 0 {
				n = len(line) - i - 1
			}
			now.WriteString(line[i+1 : i+1+n])
			inside, quoted = true, true
			i += n + 1
		case c == ' ' || c == '\t' || c == '\n':
			end()
		case c == '#' && !inside:
			return words
		case c == ';' || c == '|' || c == '&':
			if c == '&' && i > 0 && line[i-1] == '>' {
				continue
			}
			end()
			words = append(words, word{string(c), false})
		case c == '>' || c == '<':
			if strings.Trim(now.String(), "012") == "" {
				inside = false // 2>
				now.Reset()
			}
			end()
			skip = true
		default:
			inside = true
			now.WriteByte(c)
		}
	}
	end()
	return words
}

// command leaves out what stands before a command's name.
func command(words []string) []string {
	for len(words) > 0 {
		switch name, _, ok := strings.Cut(words[0], "="); {
		case ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == "":
			// NAME=value before a command
		case words[0] == "do" || words[0] == "time" || words[0] == "then" || words[0] == "sudo" || words[0] == "exec":
		case words[0] == "timeout" && len(words) > 1:
			words = words[1:]
		default:
			return words
		}
		words = words[1:]
	}
	return nil
}
