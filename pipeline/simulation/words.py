"""The vocabulary of the simulated literature: topics, methods, settings, sentences, names.

Belongs here: words and nothing but words. Not: how they are drawn and joined
(text.py). All of it was written for this project; no real title or abstract is quoted.

A topic owns its words: no term of one topic occurs in another, so that planted topics can be
recovered from the text alone.
"""

from typing import NamedTuple


class Topic(NamedTuple):
    """A planted topic: its venue domain, its name, what it tries to do, and its own words."""

    domain: str
    name: str
    tasks: tuple[str, ...]
    terms: tuple[str, ...]


def _listed(text: str, separator: str | None) -> tuple[str, ...]:
    """The words of a block of text, split at `separator` or, without one, at white space."""
    return tuple(" ".join(word.split()) for word in text.strip().split(separator))


# domain | name | tasks | terms
_TOPICS = """
nlp|machine translation|low-resource translation, document translation, subtitle translation|parallel corpora, bilingual lexicons, back-translated sentences, target languages, source-side morphology, translation memories
nlp|question answering|open-domain reading comprehension, multi-hop answering, unanswerable question detection|evidence passages, answer spans, question decomposition, reading distractors, answer provenance, trivia questions
nlp|summarisation|meeting summarisation, long-document summarisation, opinion summarisation|salient sentences, faithful summaries, content selection, compression ratios, hallucinated facts, discourse outlines
nlp|dependency parsing|cross-lingual parsing, treebank adaptation, transition-based parsing|dependency arcs, syntactic heads, treebanks, projectivity constraints, grammatical relations, constituents
nlp|dialogue systems|dialogue state tracking, persona-grounded conversation, clarification in conversation|user utterances, dialogue acts, slot values, conversation turns, chit-chat partners, belief states
nlp|sentiment analysis|aspect-level sentiment, sarcasm detection, stance detection|opinion holders, polarity lexicons, product reviews, emotional tone, aspect targets, ironic tweets
speech|speech recognition|far-field transcription, accented speech transcription, streaming transcription|acoustic frames, phoneme lattices, word error rates, spoken utterances, microphone arrays, pronunciation variants
speech|speaker verification|short-utterance verification, voice spoofing detection, speaker diarisation|speaker embeddings, voiceprints, enrolment recordings, vocal tracts, channel mismatch, impostor trials
vision|object detection|small object detection, crowded-scene detection, open-vocabulary detection|bounding boxes, anchor assignment, region proposals, occluded instances, feature pyramids, detection heads
vision|semantic segmentation|weakly labelled segmentation, panoptic segmentation, street-scene segmentation|pixel labels, mask boundaries, stuff classes, superpixels, dense predictions, class activation maps
vision|face recognition|masked face identification, cross-age face matching, face anti-spoofing|facial landmarks, identity margins, face galleries, head poses, kinship cues, facial attributes
vision|medical image analysis|tumour delineation, retinal screening, organ registration|radiology scans, lesions, histology slides, anatomical atlases, clinicians' contours, ultrasound probes
vision|video understanding|action localisation, video captioning, sports event spotting|motion trajectories, temporal segments, frame sampling, optical flow, untrimmed clips, actor interactions
vision|image restoration|blind deblurring, rain removal, image super-resolution|degraded photographs, blur kernels, sensor noise, high-frequency detail, perceptual fidelity, compression artefacts
graphics|radiance fields|novel view synthesis, relightable scene capture, dynamic scene capture|camera rays, volumetric densities, view-dependent colour, multi-view photographs, scene primitives, neural volumes
graphics|cloth simulation|garment draping, contact-rich cloth animation, yarn-level modelling|fabric wrinkles, collision handling, implicit integration, thin shells, woven materials, strain limits
graphics|mesh processing|surface parameterisation, quad remeshing, shape correspondence|triangle meshes, curvature flows, discrete Laplacians, geodesic distances, surface singularities, seam placement
robotics|grasping|cluttered bin picking, dexterous in-hand manipulation, transparent object grasping|gripper contacts, force closure, tactile fingertips, grasp candidates, suction cups, object wrenches
robotics|legged locomotion|rough-terrain walking, quadruped jumping, humanoid balance recovery|footholds, joint torques, centroidal dynamics, gait patterns, stumbling, ground reaction forces
robotics|simultaneous localisation and mapping|underground mapping, loop closure detection, visual-inertial odometry|pose graphs, keyframes, lidar scans, drift, place signatures, occupancy grids
robotics|motion planning|kinodynamic planning, multi-robot path planning, planning around pedestrians|configuration spaces, roadmaps, collision checks, steering functions, narrow passages, swept volumes
ml|bandit optimisation|pure exploration, contextual bandits, dueling bandits|regret bounds, arm pulls, confidence radii, reward gaps, exploration bonuses, stochastic payoffs
ml|reinforcement learning|offline policy learning, sparse-reward exploration, safe policy improvement|value functions, replay buffers, policy gradients, Bellman backups, episodic returns, behaviour policies
ml|generative diffusion|guided image generation, few-step sampling, discrete sequence diffusion|denoising steps, score functions, noise schedules, sampling trajectories, reverse processes, classifier guidance
ml|federated learning|personalised federated training, byzantine-robust aggregation, cross-device training|client updates, communication rounds, local epochs, server aggregation, straggling devices, heterogeneous clients
ml|Gaussian processes|sparse posterior inference, multi-output regression, Bayesian quadrature|inducing points, covariance kernels, posterior variances, hyperpriors, length scales, marginal likelihoods
ml|causal discovery|confounded structure learning, interventional design, time-series causality|acyclic graphs, conditional independences, structural equations, latent confounders, interventions, Markov equivalence
ml|graph learning|node classification, heterophilous graph learning, molecular property prediction|node neighbourhoods, message passing layers, over-smoothing, graph Laplacians, edge rewiring, molecular graphs
ai|automated planning|heuristic plan search, temporal planning, plan repair|action preconditions, delete relaxations, landmarks in plans, state spaces, goal orderings, macro-actions
ai|knowledge graphs|link prediction, entity alignment, temporal fact completion|relation triples, ontology axioms, missing facts, entity types, logical rules, head entities
ai|satisfiability solving|clause learning, maximum satisfiability, model counting|Boolean formulas, unit propagation, conflict clauses, branching literals, restarts, proof traces
ir|dense retrieval|passage ranking, zero-shot retrieval, query expansion|inverted indices, relevance judgments, hard negatives, query vectors, ranked lists, late interaction scores
ir|recommender systems|sequential recommendation, cold-start recommendation, bundle recommendation|user preferences, item catalogues, click logs, popularity bias, rating matrices, implicit feedback
ir|learning to rank|counterfactual ranking, fair ranking, click modelling|position bias, ranking metrics, swap interventions, exposure allocation, pairwise preferences of documents, search sessions
web|web advertising|bid optimisation, conversion prediction, budget pacing|ad auctions, advertisers, impressions, delayed conversions, reserve prices, landing pages
web|misinformation|rumour detection, coordinated campaign detection, claim checking|news cascades, fact-checkers, credibility signals, bot accounts, viral posts, echo chambers
data|query optimisation|join ordering, cardinality estimation, adaptive execution|query plans, histograms of columns, cost models, join predicates, selectivities, materialised views
data|frequent pattern mining|sequential pattern mining, subgraph mining, anomaly mining in streams|itemsets, support thresholds, transaction logs, candidate pruning, pattern lattices, sliding windows
data|data cleaning|entity matching, missing value repair, schema matching|duplicate records, integrity constraints, dirty tables, denial constraints, matching rules, provenance of cells
hci|text entry|mid-air typing, gesture keyboards, gaze typing|keystrokes, typing speed, thumb reach, touch offsets, autocorrection, smartwatch screens
hci|accessibility|screen-reader navigation, sign-language interfaces, captioning for deaf viewers|blind users, assistive devices, alternative text, motor impairments, wheelchair users, accessible maps
theory|approximation algorithms|facility location, travelling salesman tours, clustering with outliers|integrality gaps, rounding schemes, linear relaxations, metric spaces, hardness reductions, primal-dual arguments
theory|streaming algorithms|distinct counting, heavy hitter detection, graph sketching|sketches, sublinear memory, turnstile updates, hash families, frequency moments, passes over the stream
theory|communication complexity|set disjointness, round elimination, lifting theorems|protocols, information cost, rectangle bounds, public coins, gadget compositions, discrepancy
systems|distributed storage|erasure-coded storage, geo-replicated transactions, log-structured storage|replicas, consensus logs, tail latencies, crash recovery, write amplification, quorum reads
systems|datacentre networking|congestion control, load balancing, in-network aggregation|switch buffers, flow completion times, packet losses, link failures, programmable switches, incast bursts
systems|compiler scheduling for accelerators|operator fusion, tensor tiling, kernel autotuning|memory hierarchies, loop nests, tensor cores, instruction streams, register pressure, roofline models
security|malware analysis|Android malware detection, binary similarity, ransomware triage|disassembled code, packed executables, system call traces, malware families, obfuscation, sandbox reports
security|side channels|cache attacks, power analysis, speculative execution attacks|leaked secrets, cache lines, timing measurements, enclaves, masking countermeasures, victim processes
security|private computation|secure aggregation, private set intersection, encrypted inference|secret shares, garbled circuits, homomorphic ciphertexts, honest majorities, oblivious transfers, privacy budgets
se|program repair|test-driven repair, build failure repair, vulnerability patching|faulty statements, patch candidates, regression tests, overfitted patches, bug reports, code review comments
se|fuzz testing|protocol fuzzing, compiler fuzzing, directed fuzzing|seed inputs, branch coverage, crash triage, mutation operators, input grammars, sanitizers
pl|type inference|gradual typing, refinement type checking, type migration|type annotations, subtyping rules, typing judgments, polymorphic functions, soundness proofs, type errors
pl|program synthesis|synthesis from examples, sketch completion, invariant generation|input-output examples, domain-specific languages, search over programs, loop invariants, version spaces, component libraries
"""  # noqa: E501 — one list a line

TOPICS: tuple[Topic, ...] = tuple(
    Topic(domain, name, tuple(tasks.split(", ")), tuple(terms.split(", ")))
    for domain, name, tasks, terms in (row.split("|") for row in _TOPICS.strip().splitlines())
)

METHODS: tuple[str, ...] = _listed(
    """
contrastive learning, curriculum learning, self-training, prompt tuning, knowledge distillation,
low-rank adaptation, adversarial training, multi-task learning, meta-learning, active learning,
variational inference, importance sampling, mirror descent, convex relaxations, hashing,
convolutional networks, transformers, state-space models, mixtures of experts, random forests,
spectral methods, optimal transport, energy-based models, submodular maximisation, beam search,
constraint programming, symbolic regression, Monte Carlo tree search, coordinate descent,
data augmentation, early exiting, quantisation, pruning, retrieval augmentation, ensembles,
Schrödinger bridges, Fréchet means, Erdős–Rényi priors, Hölder smoothing, Poincaré embeddings,
Lévy processes, Möbius transforms, Bézier paths, Gröbner bases
""",
    ",",
)

SETTINGS: tuple[str, ...] = _listed(
    """
under distribution shift, with few labels, with noisy labels, at scale, on a budget,
without supervision, in the wild, under tight memory, in real time, with limited feedback,
across domains, with human feedback, under uncertainty, with missing data, from scratch,
with formal guarantees, in open worlds, over long horizons, at the edge, with sparse rewards,
under adversarial conditions, with weak supervision, in changing environments, with privacy,
with heterogeneous data, on modern hardware, with expert knowledge, in low resources,
from synthetic data, with calibrated confidence
""",
    ",",
)

# {Name} is a coined system name, {a} {b} {c} {d} terms of the topic; the rest speaks for itself.
TITLES: tuple[str, ...] = (
    "{Name}: {method} for {task}",
    "{Name}: {task} {setting}",
    "{Name}: rethinking {a} for {task}",
    "{Name}: joint {a} and {b} for {topic}",
    "{method} for {task} {setting}",
    "{topic} with {method} and {a}",
    "Learning {a} for {task} {setting}",
    "On the role of {a} in {task}",
    "Towards {topic} {setting}: {a} and {b}",
    "Do {a} help {task}? A study {setting}",
    "Beyond {a}: {method} meets {topic}",
    "Efficient {task} via {method} over {b}",
)

# One sentence of each group, in order: about 80 tokens together.
SENTENCES: tuple[tuple[str, ...], ...] = (
    (
        "{topic} has made great progress, yet {task} {setting} remains hard.",
        "Recent work on {topic} relies heavily on {a}.",
        "We study {task}, a central problem of {topic}.",
        "Despite much work on {topic}, {task} is still poorly understood.",
    ),
    (
        "Existing approaches treat {a} and {b} separately, which wastes information.",
        "Most systems assume that {b} are given, which rarely holds {setting}.",
        "The main difficulty lies in {a}, which interact with {b} in unexpected ways.",
        "Prior methods scale badly because they enumerate {b} explicitly.",
    ),
    (
        "We propose {Name}, which combines {method} with a model of {c}.",
        "We introduce {Name}, a simple approach based on {method} that exploits {c}.",
        "Our method, {Name}, uses {method} to connect {c} and {a}.",
        "This paper presents {Name}, in which {c} are refined by {method}.",
    ),
    (
        "A key idea is to represent {d} jointly with {b} and to update both during inference.",
        "The resulting procedure needs no additional annotation and handles {d} gracefully.",
        "We show that the objective is well behaved and that {d} can be computed efficiently.",
        "In contrast to earlier work, {d} enter the objective directly rather than as a heuristic.",
    ),
    (
        "Experiments on {n} benchmarks for {task} show gains of {gain} percent over strong "
        "baselines.",
        "On {n} public datasets {Name} improves on the state of the art by {gain} percent.",
        "Across {n} evaluations it reduces the error by {gain} percent at the same cost.",
        "Ablations on {n} datasets attribute an improvement of {gain} percent to {c}.",
    ),
    (
        "Code and data are available for further work on {topic}.",
        "We close with open questions about {a} and their use {setting}.",
        "An analysis explains when {method} helps and when {b} are enough.",
        "The findings suggest that {d} deserve more attention in {topic}.",
    ),
)

GIVEN_NAMES: tuple[str, ...] = _listed(
    """
Aisha Alejandro Amélie Anna Arjun Beatriz Björn Carlos Chen Chiara Daniel Elif Emma Fatima
François Giulia Hana Hiroshi Ibrahim Ingrid Ivan Jana João Jun Karolína Kwame Lars Lei Leïla
Linh Luca Lukáš Maja Márta Mehmet Mei Min-ji Mohammed Nadia Ngozi Olga Omar Paweł Priya Rafael
Rui Sanjay Sara Søren Sofía Thabo Tomáš Wei Xin Yann Yuki Yusuf Zeynep Zoé Zsófia
""",
    None,
)

SURNAMES: tuple[str, ...] = _listed(
    """
Abebe Ahmed Almeida Andersson Banerjee Bernard Bianchi Brown Çelik Chen Dąbrowski Díaz Dubois
Dvořák Eriksson Fernández Fischer Fujimoto García Gupta Haddad Hansen Horváth Huang Ibáñez
Ivanova Jensen Johansson Kaya Khan Kim Kovács Kowalski Kumar Lefèvre Li Lindqvist Liu López
Mbeki Meyer Moreau Müller Nakamura Nguyễn Novák Nowak Okafor Öztürk Park Patel Pérez Petrov
Popović Rahman Ramírez Rossi Saito Sánchez Šarić Schäfer Schmidt Silva Singh Smith Sørensen
Suzuki Szabó Tanaka Tran Väisänen Wagner Wang Weber Williams Wójcik Yamada Yılmaz Zhang Zhao
""",
    None,
)

SYLLABLES: tuple[str, ...] = _listed(
    """
ba be bo da de do fa fi ga go ka ke ki la le lo ma me mi mo na ne no pa pi ra re ri ro sa se
so ta te ti to va ve vo za ze zo
""",
    None,
)

# Front matter as lists carry it among the papers.
FRONT_MATTER: tuple[str, ...] = ("Preface", "Frontmatter", "Foreword", "Table of Contents")

# Titles that many papers have, each by other people.
GENERIC_TITLES: tuple[str, ...] = (
    "Introduction",
    "Discussion",
    "Invited paper",
    "Graph neural networks: a survey",
    "Machine translation: a survey",
    "Deep learning",
    "Concluding remarks",
    "A tutorial on reinforcement learning",
)

# Evaluations whose participants name their papers after task and year.
SHARED_TASKS: tuple[tuple[str, str], ...] = (
    ("SemEval", "sentiment analysis of short messages"),
    ("ImageCLEF", "concept annotation"),
    ("TREC", "passage ranking"),
    ("WMT", "news translation"),
)

# Endings of titles that carry accents, dashes and apostrophes.
ACCENTED_ENDINGS: tuple[str, ...] = (
    " in Poincaré balls",
    " on Erdős–Rényi graphs",
    " with Bézier curves",
    " after Gödel's example",
    " on Hölder spaces",
    " and Čech complexes",
)
