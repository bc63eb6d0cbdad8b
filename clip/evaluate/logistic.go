package evaluate

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/optimize"
)

// logistic is a multinomial logistic regression: class c of features x has the logit weights[c] . x + bias[c].
type logistic struct {
	classes, dims int
	parameters    []float64 // weights [classes][dims], then bias [classes]
}

// maxIterations bounds the steps of L-BFGS (Radford et al. 2021, appendix A.3).
const maxIterations = 1000

// fitLogistic minimises the sum over examples of -ln p(label) plus lambda/2 times the squared length of the weights (not
// of the biases) with L-BFGS, from start or, where that is nil, from zeros. This is scikit-learn's LogisticRegression
// with C = 1/lambda, which the paper uses. features are [n][dims]; labels are 0 to classes-1.
func fitLogistic(features [][]float32, labels []int, classes int, lambda float64, start *logistic) (*logistic, error) {
	o := newObjective(features, labels, classes, lambda)
	x := make([]float64, classes*(o.dims+1))
	if start != nil {
		copy(x, start.parameters)
	}
	result, err := optimize.Minimize(optimize.Problem{Func: o.value, Grad: o.copyGradient}, x, &optimize.Settings{
		GradientThreshold: 1e-6, MajorIterations: maxIterations,
		Converger: &optimize.FunctionConverge{Relative: 1e-7, Absolute: 1e-12, Iterations: 10},
	}, &optimize.LBFGS{Linesearcher: &optimize.MoreThuente{}})
	// A line search that finds no better point has arrived as far as rounding lets it.
	if result == nil || err != nil && !errors.Is(err, optimize.ErrLinesearcherFailure) && !errors.Is(err, optimize.ErrNoProgress) {
		return nil, fmt.Errorf("cannot fit the logistic regression with lambda %g: %w", lambda, err)
	}
	return &logistic{classes, o.dims, result.X}, nil
}

// objective is what fitLogistic minimises, divided by the number of examples, with its gradient.
type objective struct {
	n, dims, classes int
	features         blas64.General // [n][dims]
	labels           []int
	lambda           float64

	logits   blas64.General // [n][classes], then their gradient
	at       []float64      // where gradient is that of
	gradient []float64
}

func newObjective(features [][]float32, labels []int, classes int, lambda float64) *objective {
	n, dims := len(features), len(features[0])
	o := &objective{n: n, dims: dims, classes: classes, features: general(n, dims), labels: labels, lambda: lambda,
		logits: general(n, classes), gradient: make([]float64, classes*(dims+1))}
	for i, row := range features {
		for j, v := range row {
			o.features.Data[i*dims+j] = float64(v)
		}
	}
	return o
}

func general(rows, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: make([]float64, rows*cols)}
}

// split is the weights and the biases of a parameter vector.
func (o *objective) split(x []float64) (weights blas64.General, bias []float64) {
	k := o.classes * o.dims
	return blas64.General{Rows: o.classes, Cols: o.dims, Stride: o.dims, Data: x[:k]}, x[k:]
}

// value computes the objective and, because most of the work is the same, its gradient.
func (o *objective) value(x []float64) float64 {
	weights, bias := o.split(x)
	blas64.Gemm(blas.NoTrans, blas.Trans, 1, o.features, weights, 0, o.logits)
	gradWeights, gradBias := o.split(o.gradient)
	clear(gradBias)
	loss, n := 0.0, float64(o.n)
	for i := range o.n {
		row := o.logits.Data[i*o.classes : (i+1)*o.classes]
		loss += softmaxLoss(row, bias, o.labels[i])
		for c := range row {
			row[c] /= n
			gradBias[c] += row[c]
		}
	}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, o.logits, o.features, 0, gradWeights)
	squares := 0.0
	for i, w := range weights.Data {
		squares += w * w
		gradWeights.Data[i] += o.lambda / n * w
	}
	o.at = append(o.at[:0], x...)
	return (loss + o.lambda/2*squares) / n
}

// softmaxLoss turns logits, to which bias is added, into the gradient of -ln p(label), which it returns.
func softmaxLoss(logits, bias []float64, label int) float64 {
	largest := math.Inf(-1)
	for c := range logits {
		logits[c] += bias[c]
		largest = max(largest, logits[c])
	}
	loss, sum := largest-logits[label], 0.0
	for c, v := range logits {
		logits[c] = math.Exp(v - largest)
		sum += logits[c]
	}
	for c := range logits {
		logits[c] /= sum
	}
	logits[label]--
	return loss + math.Log(sum)
}

func (o *objective) copyGradient(gradient, x []float64) {
	same := len(o.at) == len(x)
	for i := 0; same && i < len(x); i++ {
		same = x[i] == o.at[i]
	}
	if !same {
		o.value(x)
	}
	copy(gradient, o.gradient)
}

// scores are the logits [n][classes] of features.
func (l *logistic) scores(features [][]float32) [][]float32 {
	out := make([][]float32, len(features))
	bias := l.parameters[l.classes*l.dims:]
	for i, x := range features {
		out[i] = make([]float32, l.classes)
		for c := range out[i] {
			sum := bias[c]
			for j, w := range l.parameters[c*l.dims : (c+1)*l.dims] {
				sum += w * float64(x[j])
			}
			out[i][c] = float32(sum)
		}
	}
	return out
}
