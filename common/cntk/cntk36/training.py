"""One network in training: CNTK computes values and gradients, what is done with them stands here.

The update is a few lines of numpy, so that momenta, averages and parts of a minibatch are plain
arrays that a checkpoint can hold, and chance depends on nothing but the seed and the step.
"""

import arrays
import cntk as C
import numpy as np
import operators

HEAD_WEIGHTS, HEAD_BIAS = "head/weights", "head/bias"
NORM = "BatchNormalization"


class Commands(object):
    """What the other side may ask for; arrays are named and lie in a file."""

    def build(self, path, names, network, factors, settings):
        C.cntk_py.set_max_num_cputhreads(settings["threads"])
        C.cntk_py.force_deterministic_algorithms()
        self._trainer = Trainer(network, factors, settings, arrays.read(path, names))

    def step(self, path, names, rate, parts):
        given = arrays.read(path, names)
        return self._trainer.step(given["pictures"], given["targets"], rate, parts)

    def predict(self, path, names):
        self._logits = self._trainer.predict(arrays.read(path, names)["pictures"])

    def logits(self, out):
        return arrays.write(out, {"logits": self._logits})

    def state(self, out):
        return arrays.write(out, self._trainer.state())

    def restore(self, path, names):
        self._trainer.restore(arrays.read(path, names))

    def weights(self, out):
        return arrays.write(out, self._trainer.exported())


class Trainer(object):
    """Weights, momenta and averages by name, and the graphs that use them, one for each size of pictures."""

    def __init__(self, network, factors, settings, weights):
        """Start from *weights*; *factors* says by name what the rate is multiplied with, for those that train."""
        self.network, self.factors, self.settings, self.steps = network, factors, settings, 0
        self.weights = {name: weights[name] for name in factors}
        self.statistics = {name: weights[name] for node in network["nodes"] if node["op"] == NORM for name in node["inputs"][3:5]}
        self.fixed = {name: weights[name] for name in weights if name not in factors}
        self.momenta = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self.average = {name: value.copy() for name, value in self.moving().items()} if settings["average"] else {}
        self.parameters = {name: C.Parameter(init=value, shape=value.shape) for name, value in self.weights.items()}
        self.graphs = {}
        self.loaded = None
        for node in network["nodes"]:
            operators.check(node)

    def moving(self):
        return dict(self.weights, **self.statistics)

    def step(self, pictures, targets, rate, parts):
        graph = self._graph(pictures.shape[1:])
        self._load(self.moving(), "weights")
        masks = self._masks(len(pictures))
        loss, errors, gradients, statistics = 0.0, 0, {}, self.statistics
        for rows in np.array_split(np.arange(len(pictures)), min(parts, len(pictures))):
            part, logits, found = graph.gradients(pictures[rows], targets[rows], masks[rows])
            loss, errors = loss + part, errors + np.count_nonzero(logits.argmax(axis=1) != targets[rows].argmax(axis=1))
            gradients = {name: gradients[name] + value if name in gradients else value for name, value in found.items()}
            statistics = graph.follow(statistics)
        self.statistics = statistics
        self._move({name: value / np.float32(len(pictures)) for name, value in gradients.items()}, rate)
        return {"loss": float(loss), "errors": int(errors), "pictures": len(pictures)}

    def predict(self, pictures):
        graph = self._graph(pictures.shape[1:])
        self._load(self.average or self.moving(), "average" if self.average else "weights")
        return graph.logits(pictures)

    def state(self):
        kept = {"steps": np.asarray([self.steps], np.float32)}
        for kind, found in (("weights", self.moving()), ("momenta", self.momenta), ("average", self.average)):
            kept.update({"%s/%s" % (kind, name): value for name, value in found.items()})
        return kept

    def restore(self, state):
        self.steps = int(state["steps"][0])
        self.weights = {name: state["weights/" + name] for name in self.weights}
        self.statistics = {name: state["weights/" + name] for name in self.statistics}
        self.momenta = {name: state["momenta/" + name] for name in self.momenta}
        self.average = {name: state.get("average/" + name, state["weights/" + name]) for name in self.average}
        self.loaded = None

    def exported(self):
        return self.average or self.moving()

    def _move(self, gradients, rate):
        """Follow the gradients, with momentum as torch has it (CNTK's with unit_gain=False); then let the averages follow."""
        momentum, l2 = np.float32(self.settings["momentum"]), np.float32(self.settings["l2"])
        for name, gradient in gradients.items():
            self.momenta[name] = momentum * self.momenta[name] + (gradient + l2 * self.weights[name])
            self.weights[name] = self.weights[name] - np.float32(rate * self.factors[name]) * self.momenta[name]
        self.steps += 1
        share = np.float32(1 - min(self.settings["average"], self.steps / (self.steps + 9.0)))
        moving = self.moving()
        self.average = {name: value + share * (moving[name] - value) for name, value in self.average.items()}
        self.loaded = None

    def _masks(self, pictures):
        """Return what features are multiplied with, (pictures, dimension): a function of the seed and the number of the step."""
        rate, shape = self.settings["dropout"], (pictures, self.network["dimension"])
        chance = np.random.default_rng([self.settings["seed"], self.steps])
        return (chance.random(shape) >= rate).astype(np.float32) / np.float32(1 - rate) if rate else np.ones(shape, np.float32)

    def _graph(self, shape):
        if shape not in self.graphs:
            self.graphs[shape] = Computing(self.network, dict(self.fixed, **self.statistics), self.parameters, shape, self.settings)
            self.loaded = None
        return self.graphs[shape]

    def _load(self, values, kind):
        """Give CNTK the weights as they stand, or their averages."""
        if self.loaded != kind:
            for name, parameter in self.parameters.items():
                set_value(parameter, values[name])
            for graph in self.graphs.values():
                graph.set_statistics(values)
            self.loaded = kind


class Computing(object):
    """The graph for pictures of one size."""

    def __init__(self, network, constants, parameters, shape, settings):
        self.pictures = C.input_variable(shape)
        self.mask, self.targets = C.input_variable((network["dimension"],)), C.input_variable((settings["classes"],))
        self.frozen = settings["frozen"]
        graph = operators.Graph(network["nodes"], constants, parameters, {network["input"]: self.pictures})
        self.normed = graph.normed
        self.features = C.reshape(graph.values[network["output"]], (network["dimension"],))
        self.given = C.input_variable((network["dimension"],))  # features that do not train
        kept = (self.given if self.frozen else self.features) * self.mask
        self.head = C.times_transpose(kept, parameters[HEAD_WEIGHTS]) + parameters[HEAD_BIAS]
        self.loss = C.cross_entropy_with_softmax(self.head, self.targets)
        self.trained = C.combine([self.loss, self.head])
        self.parameters = {name: one for name, one in parameters.items() if not self.frozen or name.startswith("head/")}

    def gradients(self, pictures, targets, mask):
        """Return the sum of the losses, logits (n, classes), and the sums of the gradients by name."""
        given = {self.given: self.features.eval({self.pictures: pictures})} if self.frozen else {self.pictures: pictures}
        given.update({self.mask: mask, self.targets: targets})
        wanted = [self.loss.output, self.head.output]
        found, values = self.trained.grad(given, wrt=list(self.parameters.values()), outputs=wanted, grad_root=self.loss.output)
        loss = float(np.sum(values[self.loss.output], dtype=np.float64))
        return loss, values[self.head.output], {name: found[one] for name, one in self.parameters.items()}

    def logits(self, pictures):
        given = {self.given: self.features.eval({self.pictures: pictures})} if self.frozen else {self.pictures: pictures}
        given[self.mask] = np.ones((len(pictures),) + self.mask.shape, np.float32)
        return self.head.eval(given)

    def follow(self, averages):
        """Return the running averages of batch normalisation after the minibatch just computed; what is frozen saw none."""
        moved = dict(averages)
        for names, constants, momentum in [] if self.frozen else self.normed:
            for name, constant in zip(names, constants):
                moved[name] = averages[name] * np.float32(momentum) + constant.value * np.float32(1 - momentum)
        return moved

    def set_statistics(self, values):
        for names, constants, _ in self.normed:
            for name, constant in zip(names, constants):
                set_value(constant, values[name])


def set_value(variable, array):
    """Set without the copies that CNTK's own property makes."""
    view = C.NDArrayView.from_dense(np.ascontiguousarray(array, np.float32))
    super(type(variable), variable).set_value(view)
