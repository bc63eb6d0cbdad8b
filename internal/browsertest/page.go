package browsertest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Evaluate computes an expression of JavaScript in the page and puts its value, as JSON has it, into result.
func (p *Page) Evaluate(expression string, result any) {
	p.t.Helper()
	if err := p.evaluate(expression, result); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

func (p *Page) evaluate(expression string, result any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.send("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if err == nil && answer.ExceptionDetails != nil {
		err = errors.New(answer.ExceptionDetails.Text + " " + answer.ExceptionDetails.Exception.Description)
	}
	if err != nil || result == nil {
		return err
	}
	if answer.Result.Value == nil {
		return fmt.Errorf("expected a value, found none")
	}
	return json.Unmarshal(answer.Result.Value, result)
}

// WaitFor waits until an expression of JavaScript is true.
func (p *Page) WaitFor(expression string, atMost time.Duration) {
	p.t.Helper()
	var err error
	for deadline := time.Now().Add(atMost); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var is bool
		if err = p.evaluate("Boolean("+expression+")", &is); err == nil && is {
			return
		}
	}
	var text string
	_ = p.evaluate("document.body.innerText.slice(0, 3000)", &text)
	p.t.Fatalf("expected %s within %v (%v); the page reads:\n%s", expression, atMost, err, text)
}

// Click clicks the middle of an element, named by a CSS selector, as a mouse does; the page is scrolled to it first.
func (p *Page) Click(selector string) {
	p.t.Helper()
	name, err := json.Marshal(selector)
	if err != nil {
		p.t.Fatal(err)
	}
	var at struct{ X, Y float64 }
	p.Evaluate(fmt.Sprintf(`(() => {
		const element = document.querySelector(%s);
		element.scrollIntoView({block: "center"});
		const box = element.getBoundingClientRect();
		return {X: box.left + box.width / 2, Y: box.top + box.height / 2};
	})()`, name), &at)
	for _, event := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		params := map[string]any{"type": event, "x": at.X, "y": at.Y}
		if event != "mouseMoved" {
			params["button"], params["clickCount"] = "left", 1
		}
		p.call("Input.dispatchMouseEvent", params, nil)
	}
}

// Screenshot is what is seen of the page, as a PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return picture
}
