"""Objectives and penalties against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from animekit.nn import losses
from animekit.nn.layers import normalise_spectrally

LN2 = math.log(2)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def softplus(x):
    return math.log1p(math.exp(x))


# Objectives


def test_cross_entropy_is_minus_the_logarithm_of_the_probability():
    assert losses.cross_entropy(tensor(0.0), 1.0).item() == pytest.approx(LN2)
    probability = 1 / (1 + math.exp(-1.5))
    logits = tensor(1.5, 1.5)
    assert losses.cross_entropy(logits, 1.0).item() == pytest.approx(-math.log(probability))
    assert losses.cross_entropy(logits, 0.0).item() == pytest.approx(-math.log(1 - probability))
    both = 0.3 * -math.log(probability) + 0.7 * -math.log(1 - probability)
    assert losses.cross_entropy(logits, 0.3).item() == pytest.approx(both)


def test_cross_entropy_takes_the_mean_over_images_and_a_label_for_each():
    found = losses.cross_entropy(tensor(2.0, -1.0), tensor(1.0, 0.0)).item()
    assert found == pytest.approx((softplus(-2) + softplus(-1)) / 2)
    swapped = losses.cross_entropy(tensor(2.0, -1.0), tensor(0.0, 1.0)).item()
    assert swapped == pytest.approx((softplus(2) + softplus(1)) / 2)


RANGE = (0.7, 1.2)


def test_soft_labels_are_drawn_from_the_range_one_an_image():
    logits = torch.full((50_000,), 3.0, dtype=torch.float64)
    for seed in range(4):
        torch.manual_seed(seed)
        # linear in the label: softplus(3) - 3 y, so the mean label can be read off
        label = (
            softplus(3)
            - losses.cross_entropy(logits, losses.noisy_labels(logits, RANGE, RANGE)).item()
        ) / 3
        assert label == pytest.approx(0.95, abs=0.004)
    labels = [losses.noisy_labels(logits[:1], RANGE, RANGE).item() for _ in range(300)]
    assert 0.7 <= min(labels) < 0.73 and 1.17 < max(labels) <= 1.2


def test_labels_of_no_width_use_no_random_numbers():
    torch.manual_seed(3)
    assert losses.noisy_labels(tensor(0.4, 2.0), (0.9, 0.9), RANGE) == 0.9
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), after)


def test_a_share_of_the_images_has_a_label_of_the_other_kind():
    torch.manual_seed(0)
    labels = losses.noisy_labels(torch.zeros(40_000), RANGE, (0.0, 0.3), 0.05)
    flipped = labels < 0.5
    assert flipped.float().mean().item() == pytest.approx(0.05, abs=0.005)
    assert labels[flipped].mean().item() == pytest.approx(0.15, abs=0.01)
    assert labels[~flipped].mean().item() == pytest.approx(0.95, abs=0.004)
    hard = losses.noisy_labels(torch.zeros(400), (1.0, 1.0), (0.0, 0.0), 0.5)
    assert sorted(set(hard.tolist())) == [0.0, 1.0] and 150 < hard.sum() < 250


def test_the_losses_of_a_generator_against_cross_entropy():
    fake = tensor(2.0, -1.0)
    expected = (softplus(-2) + softplus(1)) / 2
    assert losses.nonsaturating_g(fake).item() == pytest.approx(expected)  # -log D
    expected = (math.log(1 - 1 / (1 + math.exp(-2))) + math.log(1 - 1 / (1 + math.exp(1)))) / 2
    assert losses.saturating_g(fake).item() == pytest.approx(expected)  # log(1 - D)
    expected = (softplus(2) + softplus(-1)) / 2
    assert losses.flipped_g(fake).item() == pytest.approx(expected)  # -log D with 0 for real


def test_the_nonsaturating_loss_pulls_hardest_where_the_other_saturates():
    gradients = {}
    for loss in (losses.nonsaturating_g, losses.saturating_g):
        logit = tensor(-6.0).requires_grad_()
        loss(logit).backward()
        gradients[loss] = logit.grad.item()
    assert gradients[losses.nonsaturating_g] == pytest.approx(-1, abs=0.01)
    assert gradients[losses.saturating_g] == pytest.approx(-math.exp(-6), rel=0.01)


def test_logits_of_any_size_give_finite_losses():
    far = tensor(-1e4, 1e4)
    for loss in (losses.nonsaturating_g, losses.saturating_g):
        assert torch.isfinite(loss(far))
    assert losses.cross_entropy(far, 1.0).item() == pytest.approx(5000)


def test_least_squares_is_half_the_squared_distance_to_the_labels():
    real, fake = tensor(0.5, 2.0), tensor(1.0, -1.0)
    # half of ((.5 - 1)^2 + (2 - 1)^2) / 2, and half of (1 + 1) / 2
    assert losses.least_squares_d(real, fake).item() == pytest.approx(0.3125 + 0.5)
    assert losses.least_squares_d(fake, real).item() == pytest.approx(1.0 + 1.0625)
    found = losses.least_squares_d(real, fake, a=-1.0, b=0.0).item()
    assert found == pytest.approx(0.5 * (0.25 + 4) / 2 + 0.5 * (4 + 0) / 2)
    assert losses.least_squares_g(fake).item() == pytest.approx(0.5 * (0 + 4) / 2)
    assert losses.least_squares_g(fake, c=-1.0).item() == pytest.approx(0.5 * (4 + 0) / 2)


def test_the_wasserstein_losses_are_differences_of_means():
    real, fake = tensor(3.0, 5.0), tensor(1.0, 0.0, -4.0)
    assert losses.wasserstein_d(real, fake).item() == pytest.approx(-1 - 4)
    assert losses.wasserstein_d(fake, real).item() == pytest.approx(4 + 1)
    assert losses.wasserstein_g(fake).item() == pytest.approx(1)


def test_the_difference_of_probabilities_is_bounded():
    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    real, fake = tensor(2.0, 0.0), tensor(-1.0, -3.0, 1.0)
    expected = (sigmoid(-1) + sigmoid(-3) + sigmoid(1)) / 3 - (sigmoid(2) + 0.5) / 2
    assert losses.difference_d(real, fake).item() == pytest.approx(expected)
    assert losses.difference_g(fake).item() == pytest.approx(
        -(sigmoid(-1) + sigmoid(-3) + sigmoid(1)) / 3
    )
    far = tensor(1e4)
    assert losses.difference_d(far, -far).item() == pytest.approx(-1)
    assert losses.difference_d(-far, far).item() == pytest.approx(1)


# Labels


def logsumexp(*values):
    return math.log(sum(math.exp(value) for value in values))


GROUPS = (3, 1, 2)
LOGITS = tensor([1.0, -2.0, 0.5, 0.7, 0.0, 2.0], [0.0, 0.0, 3.0, -1.5, 1.0, -1.0])
HAIR = [logsumexp(1, -2, 0.5), logsumexp(0, 0, 3)]  # less the logit of the value
EYES = [logsumexp(0, 2), logsumexp(1, -1)]


def test_the_hinge_counts_what_is_on_the_wrong_side_of_the_margin():
    real, fake = tensor(3.0, 0.5, -1.0), tensor(-4.0, 0.0, 2.0)
    assert losses.hinge_d(real, fake).item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1 + 3) / 3)
    assert losses.hinge_d(tensor(1.0), tensor(-1.0)).item() == 0
    assert losses.hinge_g(fake).item() == pytest.approx(2 / 3)  # no margin for the generator


def test_the_relativistic_loss_scores_pairs_and_not_means():
    real, fake = tensor(2.0, -1.0), tensor(0.5, 3.0)
    d = (softplus(0.5 - 2.0) + softplus(3.0 + 1.0)) / 2
    g = (softplus(2.0 - 0.5) + softplus(-1.0 - 3.0)) / 2
    assert losses.relativistic(real, fake).item() == pytest.approx(d)
    assert losses.relativistic(fake, real).item() == pytest.approx(g)
    assert losses.relativistic(real, fake.flip(0)).item() != pytest.approx(d)
    shifted = losses.relativistic(real + 7, fake + 7).item()  # only differences count
    assert shifted == pytest.approx(d)


def test_one_of_several_values_is_a_softmax_and_yes_or_no_a_sigmoid():
    labels = tensor([0.0, 0, 1, 1, 1, 0], [1.0, 0, 0, 0, 1, 0])
    hair = HAIR[0] - 0.5, HAIR[1] - 0
    glasses = softplus(-0.7), softplus(-1.5)
    eyes = EYES[0] - 0, EYES[1] - 1
    expected = sum((*hair, *glasses, *eyes)) / 6
    assert losses.attribute_loss(LOGITS, labels, GROUPS).item() == pytest.approx(expected)
    turned = losses.attribute_loss(LOGITS, labels.flip(0), GROUPS).item()
    assert turned != pytest.approx(expected)
    alone = losses.attribute_loss(LOGITS[:1], labels[:1], GROUPS).item()
    assert alone == pytest.approx((hair[0] + glasses[0] + eyes[0]) / 3)
    only = losses.attribute_loss(LOGITS[:, 3:4], labels[:, 3:4], (1,)).item()
    assert only == pytest.approx(sum(glasses) / 2)


def test_two_values_of_an_attribute_are_half_of_each():
    labels = tensor([1.0, 0, 1, 1, 1, 1], [0.0, 0, 0, 0, 1, 0])
    hair = HAIR[0] - (1 + 0.5) / 2
    eyes = EYES[0] - (0 + 2) / 2
    expected = (hair + softplus(-0.7) + eyes) / 3
    found = losses.attribute_loss(LOGITS[:1], labels[:1], GROUPS).item()
    assert found == pytest.approx(expected)
    whole = losses.attribute_loss(LOGITS, labels, GROUPS).item()  # of no value there is no term
    assert whole == pytest.approx((3 * expected + softplus(-1.5) + EYES[1] - 1) / 6)


def test_what_is_unknown_counts_in_no_mean_and_has_no_gradient():
    labels = tensor([0.0, 0, 1, 1, 1, 0], [1.0, 0, 0, 0, 1, 0])
    mask = tensor([1.0, 1, 1, 0, 1, 1], [0.0, 0, 0, 0, 1, 1])
    logits = LOGITS.clone().requires_grad_()
    loss = losses.attribute_loss(logits, labels, GROUPS, mask)
    assert loss.item() == pytest.approx((HAIR[0] - 0.5 + EYES[0] - 0 + EYES[1] - 1) / 3)
    loss.backward()
    assert torch.equal(logits.grad != 0, mask > 0)
    other = torch.where(mask > 0, labels, 1 - labels)
    again = losses.attribute_loss(LOGITS, other, GROUPS, mask)
    assert again.item() == pytest.approx(loss.item())


def test_of_a_batch_of_which_nothing_is_known_the_loss_is_nothing():
    logits = LOGITS.clone().requires_grad_()
    loss = losses.attribute_loss(logits, torch.zeros(2, 6), GROUPS, torch.zeros(2, 6))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(2, 6))


def test_smoothing_goes_evenly_to_all_values_of_an_attribute():
    labels = tensor([0.0, 0, 1, 1, 1, 0])
    hair = HAIR[0] - (0.7 * 0.5 + 0.3 * (1 - 2 + 0.5) / 3)
    eyes = EYES[0] - (0.7 * 0 + 0.3 * (0 + 2) / 2)
    expected = (hair + softplus(-0.7) + eyes) / 3  # a yes or no is left as it is
    found = losses.attribute_loss(LOGITS[:1], labels, GROUPS, smoothing=0.3).item()
    assert found == pytest.approx(expected)


def test_a_sure_and_right_reading_costs_nothing_and_a_wrong_one_much():
    labels = tensor([0.0, 0, 1, 1, 0, 1])
    sure = (labels * 2 - 1) * 50
    assert losses.attribute_loss(sure, labels, GROUPS).item() == pytest.approx(0, abs=1e-9)
    assert losses.attribute_loss(-sure, labels, GROUPS).item() > 40


# Penalties


class Linear(nn.Module):
    """A critic with one weight a pixel: its gradient is that weight everywhere."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images):
        return (images * self.weight).flatten(1).sum(1)


def critic_of_norm(norm, shape=(2, 3, 3)):
    weight = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return Linear(weight * norm / weight.norm())


def images(n=5, shape=(2, 3, 3), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("norm", [0.25, 1.0, 3.5])
def test_the_gradient_penalty_of_a_linear_critic_is_its_distance_from_one_squared(norm):
    critic = critic_of_norm(norm)
    found = losses.gradient_penalty(critic, images(), images(seed=9)).item()
    assert found == pytest.approx((norm - 1) ** 2, rel=1e-6, abs=1e-12)
    # the mean of the squares, not the square of the mean; and no factor of the batch
    assert losses.gradient_penalty(critic, images(1), images(1, seed=9)).item() == pytest.approx(
        found, rel=1e-6, abs=1e-12
    )


@pytest.mark.parametrize(("norm", "expected"), [(0.25, 0.0), (1.0, 0.0), (3.5, 6.25)])
def test_the_one_sided_penalty_forgives_norms_below_one(norm, expected):
    found = losses.gradient_penalty(
        critic_of_norm(norm), images(), images(seed=9), one_sided=True
    ).item()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("norm", [0.25, 3.5])
def test_the_dragan_penalty_of_a_linear_critic_is_its_distance_from_one_squared(norm):
    found = losses.dragan_penalty(critic_of_norm(norm), images()).item()
    assert found == pytest.approx((norm - 1) ** 2, rel=1e-6)


@pytest.mark.parametrize("norm", [0.0, 0.25, 3.5])
def test_the_zero_centred_penalty_of_a_linear_critic_is_half_its_squared_norm(norm):
    found = losses.zero_centred_penalty(critic_of_norm(norm), images()).item()
    assert found == pytest.approx(norm**2 / 2)
    assert losses.r1_penalty is losses.zero_centred_penalty


def test_the_norm_is_that_of_the_whole_image_and_not_of_an_axis():
    weight = torch.zeros(2, 3, 3, dtype=torch.float64)
    weight[0, 0, 0], weight[1, 2, 1], weight[0, 2, 2] = 2.0, -3.0, 6.0  # norm 7, not 2, 3 or 6
    critic = Linear(weight)
    assert losses.gradient_norm(critic, images()).tolist() == pytest.approx([7.0] * 5)
    assert losses.gradient_penalty(critic, images(), images()).item() == pytest.approx(36)
    assert losses.r1_penalty(critic, images()).item() == pytest.approx(24.5)


def quadratic(x):
    """A critic whose gradient at x is x: the penalty then shows where it looks."""
    return 0.5 * x.square().flatten(1).sum(1)


def test_each_image_has_a_norm_of_its_own():
    points = images() * tensor(1.0, 2.0, 3.0, 4.0, 5.0).view(5, 1, 1, 1)
    assert losses.gradient_norm(quadratic, points).tolist() == pytest.approx(
        points.flatten(1).norm(dim=1).tolist()
    )
    expected = points.flatten(1).square().sum(1).mean().item() / 2
    assert losses.r1_penalty(quadratic, points).item() == pytest.approx(expected)


def test_penalties_are_means_of_squares_over_images():
    points = images() * tensor(0.05, 0.1, 1.0, 2.0, 3.0).view(5, 1, 1, 1)
    norms = points.flatten(1).norm(dim=1)
    assert norms.min() < 1 < norms.max()
    # between an image and itself there is one point only
    found = losses.gradient_penalty(quadratic, points, points).item()
    assert found == pytest.approx((norms - 1).square().mean().item())
    found = losses.gradient_penalty(quadratic, points, points, one_sided=True).item()
    assert found == pytest.approx((norms - 1).clamp(min=0).square().mean().item())
    found = losses.dragan_penalty(quadratic, points, scale=0.0).item()
    assert found == pytest.approx((norms - 1).square().mean().item())


class Spy:
    """A linear critic that keeps the images that it was shown."""

    def __call__(self, x):
        self.seen = x.detach()
        return x.flatten(1).sum(1)


def seen_by_penalty(call):
    spy = Spy()
    call(spy)
    seen = spy.seen
    while torch._C._functorch.is_functorch_wrapped_tensor(seen):
        seen = torch._C._functorch.get_unwrapped(seen)
    return seen


def test_the_penalty_looks_at_one_point_between_each_pair():
    torch.manual_seed(0)
    real, fake = torch.zeros(4000, 2, 3, 3), torch.ones(4000, 2, 3, 3)
    mix = seen_by_penalty(lambda critic: losses.gradient_penalty(critic, real, fake))
    share = mix.flatten(1)
    assert torch.equal(share.amin(1), share.amax(1))  # one weight an image, not one a pixel
    share = share[:, 0]
    assert 0 <= share.min() < 0.01 and 0.99 < share.max() <= 1  # uniform, up to both ends
    assert share.mean().item() == pytest.approx(0.5, abs=0.02)
    assert share.std().item() == pytest.approx(12**-0.5, abs=0.01)
    assert len(share.unique()) > 3900


def test_pairs_are_mixed_image_by_image():
    real, fake = images(seed=1), images(seed=2)
    mix = seen_by_penalty(lambda critic: losses.gradient_penalty(critic, real, fake))
    share = (mix - real).flatten(1).norm(dim=1) / (fake - real).flatten(1).norm(dim=1)
    assert torch.allclose(mix, torch.lerp(real, fake, share.view(5, 1, 1, 1)))


def test_real_and_fake_play_the_same_part_in_the_gradient_penalty_but_both_count():
    far = images(64, seed=1) * 100
    near = torch.zeros_like(far)
    norms = losses.gradient_penalty(quadratic, far, near).sqrt().item()
    swapped = losses.gradient_penalty(quadratic, near, far).sqrt().item()
    alone = losses.gradient_penalty(quadratic, far, far).sqrt().item()
    # the mean square of a uniform weight is 1/3
    assert norms / alone == pytest.approx(3**-0.5, rel=0.15)
    assert swapped / alone == pytest.approx(3**-0.5, rel=0.15)


def test_dragan_looks_around_real_images_by_up_to_half_their_deviation():
    torch.manual_seed(0)
    real = images(500) * 4
    seen = seen_by_penalty(lambda critic: losses.dragan_penalty(critic, real))
    step = (seen - real) / real.std()
    assert step.min() >= 0 and 0.45 < step.max() <= 0.5
    assert step.mean().item() == pytest.approx(0.125, rel=0.05)  # 0.5 x 0.5 x 0.5
    assert step.flatten(1).std(dim=1).min() > 0  # the noise is a pixel's own
    spread = step.flatten(1).amax(1)  # and its share an image's: from none to all of it
    assert spread.min() < 0.01 and spread.max() > 0.45
    twice = seen_by_penalty(lambda critic: losses.dragan_penalty(critic, real, scale=1.0))
    assert ((twice - real) / real.std()).max().item() == pytest.approx(1.0, abs=0.1)


def small_critic(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1), nn.Tanh(), nn.Flatten(0)
    ).double()


PENALTIES = {
    "gradient": lambda critic: losses.gradient_penalty(critic, images(), images(seed=9)),
    "one-sided": lambda critic: losses.gradient_penalty(
        critic, 20 * images(), images(seed=9), one_sided=True
    ),
    "dragan": lambda critic: losses.dragan_penalty(critic, images()),
    "r1": lambda critic: losses.r1_penalty(critic, images()),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_teach_the_critic_with_the_right_gradient(name):
    """Against finite differences over every weight, in float64, with the same draws."""
    critic = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Softplus(), nn.Flatten(), nn.Linear(3, 1))
    critic = nn.Sequential(critic.double(), nn.Flatten(0))
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(3)  # norms on both sides of 1

    def value():
        torch.manual_seed(4)
        return PENALTIES[name](critic)

    value().backward()
    for parameter in critic.parameters():
        flat = parameter.data.view(-1)
        gradient = torch.zeros_like(flat) if parameter.grad is None else parameter.grad.view(-1)
        for index in range(len(flat)):
            old, step = flat[index].item(), 1e-5
            flat[index] = old + step
            above = value().item()
            flat[index] = old - step
            below = value().item()
            flat[index] = old
            assert gradient[index].item() == pytest.approx(
                (above - below) / (2 * step), rel=1e-4, abs=1e-7
            )
    assert critic[0][0].weight.grad.abs().max() > 1e-4


def test_the_gradient_norm_can_be_differentiated_twice():
    critic = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Softplus(), nn.Conv2d(2, 1, 1), nn.Flatten(0))
    critic = critic.double()
    weight = critic[0].weight.detach().clone().requires_grad_()
    points = images(2, (1, 2, 2))

    def norms(weight):
        def score(x):
            hidden = functional.softplus(functional.conv2d(x, weight, critic[0].bias))
            return functional.conv2d(hidden, critic[2].weight, critic[2].bias).flatten()

        return losses.gradient_norm(score, points)

    assert torch.autograd.gradcheck(norms, weight)
    assert torch.autograd.gradgradcheck(norms, weight)


def test_a_critic_with_no_gradient_at_all_is_penalised_without_nan():
    critic = Linear(torch.zeros(2, 3, 3, dtype=torch.float64))
    penalty = losses.gradient_penalty(critic, images(), images(seed=9))
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(critic.weight.grad).all()


def test_penalties_leave_no_gradient_on_images():
    real = images().requires_grad_()
    fake = images(seed=9).requires_grad_()
    losses.gradient_penalty(small_critic(), real, fake).backward()
    losses.r1_penalty(small_critic(), real).backward()
    assert real.grad is None and fake.grad is None


def batch_norm_critic(seed=0):
    torch.manual_seed(seed)
    critic = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Softplus(), nn.Conv2d(4, 1, 1), nn.Flatten(0)
    ).double()
    critic(images(8, seed=3))  # running statistics that differ from 0 and 1
    return critic


def gradients_of(critic, penalty):
    critic.zero_grad()
    torch.manual_seed(4)
    value = penalty(critic)
    value.backward()
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in critic.parameters()]
    return torch.cat([value.detach().flatten(), *(grad.flatten() for grad in grads)])


@pytest.mark.parametrize("name", PENALTIES)
def test_both_ways_to_differentiate_agree(name, monkeypatch):
    """torch.func.grad is for the compiler, autograd.grad for running statistics."""
    for critic in (small_critic(), batch_norm_critic().eval()):
        first = gradients_of(critic, PENALTIES[name])
        with monkeypatch.context() as patch:
            patch.setattr(losses, "_tracks_statistics", lambda module: True)
            assert torch.allclose(gradients_of(critic, PENALTIES[name]), first, rtol=1e-10)


def test_a_critic_that_keeps_running_statistics_can_be_penalised():
    critic = batch_norm_critic().train()
    before = critic[1].running_mean.clone()
    found = gradients_of(critic, PENALTIES["gradient"])
    assert torch.isfinite(found).all() and found[1:].abs().max() > 0
    assert not torch.equal(critic[1].running_mean, before)  # it did run in train mode


def test_the_gradient_is_taken_in_float32_whatever_precision_runs_inside():
    critic = small_critic().float()
    single = images().float()
    with torch.autocast("cpu", torch.bfloat16):
        norm = losses.gradient_norm(critic, single)
    assert norm.dtype == torch.float32
    assert torch.allclose(norm, losses.gradient_norm(critic, single), rtol=0.05)
    assert losses.gradient_norm(small_critic(), images()).dtype == torch.float64


def test_spectral_norm_bounds_the_critic_and_can_be_penalised():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(18, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(30)
    normalise_spectrally(critic)
    for _ in range(30):
        critic(images())  # the power iteration takes a step each time
    for layer in (critic[1], critic[3]):
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, rel=1e-3)
    assert losses.gradient_norm(critic, images(50)).max() <= 1.001
    critic.zero_grad()
    losses.gradient_penalty(critic, images(), images(seed=9)).backward()
    grad = critic[1].parametrizations.weight.original.grad
    assert torch.isfinite(grad).all() and grad.abs().max() > 0
