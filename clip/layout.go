package clip

import "fmt"

// Weight is one tensor of a model.
type Weight struct {
	Name    string // as in OpenAI's checkpoints, which is the variable's path with dots
	Dims    []int
	Tower   Tower
	Running bool // statistics of a batch norm: part of the model, but no parameter
}

// Tower says what a weight belongs to.
type Tower int

const (
	Both       Tower = iota // the temperature
	ImageSide               // the image tower and its projection
	TextSide                // the text tower and its projection
	towerCount = iota
)

// size is the number of a weight's elements.
func (w Weight) size() int64 {
	n := int64(1)
	for _, d := range w.Dims {
		n *= int64(d)
	}
	return n
}

// Counts is how many parameters a model has, without the running statistics of batch norms.
type Counts struct {
	Image int64 `json:"image"`
	Text  int64 `json:"text"`
	Total int64 `json:"total"` // with the temperature
}

// Counts counts the parameters; no weight is made for it.
func (c Config) Counts() Counts {
	var of [towerCount]int64
	for _, w := range c.Weights() {
		if !w.Running {
			of[w.Tower] += w.size()
		}
	}
	return Counts{Image: of[ImageSide], Text: of[TextSide], Total: of[Both] + of[ImageSide] + of[TextSide]}
}

// Weights lists every tensor of a model of this configuration. The graph functions make the same ones.
func (c Config) Weights() []Weight {
	l := &weightList{tower: Both}
	l.add("logit_scale")
	l.tower = ImageSide
	switch v := c.Vision; {
	case v.ViT != nil:
		l.visionTransformer(v, c.EmbedDim)
	case v.ResNet != nil:
		l.modifiedResNet(v, c.EmbedDim)
	default:
		l.residualTower(v, c.EmbedDim)
	}
	l.textTower(c.Text, c.EmbedDim)
	return l.weights
}

type weightList struct {
	weights []Weight
	tower   Tower
}

func (l *weightList) add(name string, dims ...int) {
	l.weights = append(l.weights, Weight{Name: name, Dims: append([]int{}, dims...), Tower: l.tower})
}

// norm is a layer norm.
func (l *weightList) norm(name string, width int) {
	l.add(name+".weight", width)
	l.add(name+".bias", width)
}

func (l *weightList) batchNorm(name string, channels int) {
	l.norm(name, channels)
	for _, statistic := range []string{".running_mean", ".running_var"} {
		l.add(name+statistic, channels)
		l.weights[len(l.weights)-1].Running = true
	}
}

func (l *weightList) linear(name string, out, in int) {
	l.add(name+".weight", out, in)
	l.add(name+".bias", out)
}

func (l *weightList) conv(name string, out, in, kernel int) {
	l.add(name+".weight", out, in, kernel, kernel)
}

func (l *weightList) transformer(prefix string, t transformer) {
	for i := range t.layers {
		block := fmt.Sprintf("%stransformer.resblocks.%d.", prefix, i)
		l.add(block+"attn.in_proj_weight", 3*t.width, t.width)
		l.add(block+"attn.in_proj_bias", 3*t.width)
		l.linear(block+"attn.out_proj", t.width, t.width)
		l.norm(block+"ln_1", t.width)
		l.linear(block+"mlp.c_fc", t.mlp, t.width)
		l.linear(block+"mlp.c_proj", t.width, t.mlp)
		l.norm(block+"ln_2", t.width)
	}
}

func (l *weightList) textTower(t TextConfig, embedDim int) {
	l.tower = TextSide
	l.add("token_embedding.weight", t.VocabSize, t.Width)
	l.add("positional_embedding", t.ContextLength, t.Width)
	l.transformer("", t.blocks())
	l.norm("ln_final", t.Width)
	l.add("text_projection", t.Width, embedDim)
}

func (l *weightList) visionTransformer(v VisionConfig, embedDim int) {
	width := v.ViT.Width
	l.conv("visual.conv1", width, 3, v.Patch)
	l.add("visual.class_embedding", width)
	l.add("visual.positional_embedding", 1+(v.Height/v.Patch)*(v.Width/v.Patch), width)
	l.norm("visual.ln_pre", width)
	l.transformer("visual.", v.ViT.blocks())
	l.norm("visual.ln_post", width)
	l.add("visual.proj", width, embedDim)
}

func (l *weightList) modifiedResNet(v VisionConfig, embedDim int) {
	r := v.ResNet
	in := 3
	for i, out := range []int{r.Width / 2, r.Width / 2, r.Width} {
		l.conv(fmt.Sprintf("visual.conv%d", i+1), out, in, 3)
		l.batchNorm(fmt.Sprintf("visual.bn%d", i+1), out)
		in = out
	}
	for i, blocks := range r.Blocks {
		planes := r.Width << i
		for j := range blocks {
			block := fmt.Sprintf("visual.layer%d.%d.", i+1, j)
			l.conv(block+"conv1", planes, in, 1)
			l.batchNorm(block+"bn1", planes)
			l.conv(block+"conv2", planes, planes, 3)
			l.batchNorm(block+"bn2", planes)
			l.conv(block+"conv3", planes*expansion, planes, 1)
			l.batchNorm(block+"bn3", planes*expansion)
			if j == 0 { // the channels change, in the first stage too
				l.conv(block+"downsample.0", planes*expansion, in, 1)
				l.batchNorm(block+"downsample.1", planes*expansion)
			}
			in = planes * expansion
		}
	}
	l.add("visual.attnpool.positional_embedding", 1+(v.Height/resNetReduction)*(v.Width/resNetReduction), in)
	for _, name := range []string{"q_proj", "k_proj", "v_proj"} {
		l.linear("visual.attnpool."+name, in, in)
	}
	l.linear("visual.attnpool.c_proj", embedDim, in)
}

func (l *weightList) residualTower(v VisionConfig, embedDim int) {
	in := 3
	for i, stage := range v.Stages {
		name, kernel := fmt.Sprintf("visual.layer%d.downsample", i+1), 1
		if i == 0 {
			name, kernel = "visual.conv1", v.Patch
		}
		l.conv(name, stage.Channels, in, kernel)
		l.batchNorm(name+".norm", stage.Channels)
		in = stage.Channels
		for j := range stage.Blocks {
			for _, c := range []string{"conv1", "conv2"} {
				name := fmt.Sprintf("visual.layer%d.%d.%s", i+1, j, c)
				l.conv(name, in, in, 3)
				l.batchNorm(name+".norm", in)
			}
		}
	}
	l.norm("visual.ln_post", in)
	l.add("visual.proj.weight", embedDim, in)
}
