package org.sparkqwen.engine.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;

/// The tokens that a batch computes for windows, of which some begin alike. What they have in common is there once.
///
/// It is a tree whose nodes are runs of tokens. A window is the path to its last token. Each node is a sequence of the
/// batch, which attends to the blocks that its ancestors fill in their tables. Of the block in which it begins it has
/// a copy: the keys and values of its ancestors' rows are stored there, too. So each token has the keys in the blocks
/// that it would have alone, and gets the same bits.
final class TokenTree {
    /// The fewest tokens in common that are shared. A node takes a block, which is not worth it for less.
    private static final int FEWEST = 8;

    private final List<Node> roots = new ArrayList<>();
    private final Map<TokenList, Node> found = new HashMap<>(); // roots by their first tokens, at most FEWEST
    private int tokens;
    private int blocks;

    /// Tokens that follow each other in all windows whose paths go through the node.
    static final class Node {
        private @Nullable Node parent;
        private final Map<Integer, Node> children = new LinkedHashMap<>(); // by their first tokens
        private int start; // position of the first token
        private int[] tokens;
        private @Nullable Sequence sequence;
        private int row; // of the first token in the batch

        private Node(@Nullable Node parent, int start, int[] tokens) {
            this.parent = parent;
            this.start = start;
            this.tokens = tokens;
        }

        private int end() {
            return start + tokens.length;
        }

        /// The node on the path to this one that has a position.
        private Node at(int position) {
            Node node = this;
            while (node.start > position) {
                node = Objects.requireNonNull(node.parent);
            }
            return node;
        }

        /// All tokens on the path to the end of this node.
        private int[] path() {
            int[] path = new int[end()];
            for (Node node = this; node != null; node = node.parent) {
                System.arraycopy(node.tokens, 0, path, node.start, node.tokens.length);
            }
            return path;
        }
    }

    /// What a window has in common with the tree.
    ///
    /// @param node the last node in common; null if there is none
    /// @param common number of tokens in common
    /// @param newTokens number of tokens that the window adds
    /// @param newBlocks number of blocks that the window adds
    record Match(@Nullable Node node, int common, int newTokens, int newBlocks) {
        /// A match of a window that shares nothing, whatever it begins with.
        static Match ofNothing(int tokens) {
            return new Match(null, 0, tokens, Math.ceilDiv(tokens, KeyValueBlock.TOKENS));
        }
    }

    /// Finds what a window has in common with those that were added.
    Match match(int[] inputs) {
        Node node = found.get(beginning(inputs));
        if (node == null) {
            return Match.ofNothing(inputs.length);
        }
        int common = common(node, inputs);
        while (common == node.end() && common < inputs.length) {
            Node child = node.children.get(inputs[common]);
            if (child == null) {
                break;
            }
            node = child;
            common = common(node, inputs);
        }
        if (common == inputs.length) {
            return new Match(node, common, 0, 0);
        }
        boolean splits = common < node.end() && common % KeyValueBlock.TOKENS != 0;
        int own = Math.ceilDiv(inputs.length, KeyValueBlock.TOKENS) - common / KeyValueBlock.TOKENS;
        return new Match(node, common, inputs.length - common, own + (splits ? 1 : 0));
    }

    private static TokenList beginning(int[] inputs) {
        return new TokenList(Arrays.copyOf(inputs, Math.min(inputs.length, FEWEST)));
    }

    /// The number of tokens, from the first on, that a window has in common with the path to the end of a node.
    private static int common(Node node, int[] inputs) {
        int mismatch = Arrays.mismatch(
                node.tokens, 0, node.tokens.length, inputs, node.start, Math.min(inputs.length, node.end()));
        return mismatch < 0 ? node.end() : node.start + mismatch;
    }

    /// Adds a window, and returns the node of its last token.
    ///
    /// @param match what [#match] found
    Node add(int[] inputs, Match match) {
        tokens += match.newTokens();
        blocks += match.newBlocks();
        Node node = match.node();
        if (node == null) {
            Node root = new Node(null, 0, inputs);
            roots.add(root);
            found.putIfAbsent(beginning(inputs), root);
            return root;
        }
        if (match.newTokens() == 0) {
            return node.at(match.common() - 1);
        }
        Node from = match.common() < node.end() ? split(node, match.common()) : node;
        Node added = new Node(from, match.common(), Arrays.copyOfRange(inputs, match.common(), inputs.length));
        from.children.put(inputs[match.common()], added);
        return added;
    }

    /// Cuts a node in two, and returns the first. The second stays the node of the windows that end in it.
    private Node split(Node node, int position) {
        int length = position - node.start;
        Node first = new Node(node.parent, node.start, Arrays.copyOf(node.tokens, length));
        if (node.parent == null) {
            roots.set(roots.indexOf(node), first);
            found.replace(beginning(first.tokens), node, first);
        } else {
            node.parent.children.put(first.tokens[0], first);
        }
        node.parent = first;
        node.start = position;
        node.tokens = Arrays.copyOfRange(node.tokens, length, node.tokens.length);
        first.children.put(node.tokens[0], node);
        return first;
    }

    /// The number of tokens that the batch computes.
    int tokens() {
        return tokens;
    }

    /// The number of blocks of keys and values that the batch takes.
    int blocks() {
        return blocks;
    }

    /// Makes the batch of all tokens.
    ///
    /// @param sequences receives the batch's sequences when they are made; the caller ends them, whatever happens
    Batch batch(LoadedModel model, List<Sequence> sequences) {
        List<Node> nodes = new ArrayList<>(roots);
        for (int i = 0; i < nodes.size(); i++) {
            Node node = nodes.get(i);
            Node parent = node.parent;
            Sequence sequence = parent == null
                    ? model.newScoringSequence(node.tokens)
                    : model.newScoringBranch(node.path(), Objects.requireNonNull(parent.sequence), node.start);
            sequences.add(sequence);
            node.sequence = sequence;
            nodes.addAll(node.children.values());
        }
        Batch batch = Batch.of(sequences);
        List<Batch.Slice> copies = new ArrayList<>();
        for (int i = 0; i < nodes.size(); i++) {
            nodes.get(i).row = batch.slices().get(i).row();
            addCopies(nodes.get(i), copies);
        }
        return batch.withCopies(copies);
    }

    /// Adds the rows of a node's ancestors that lie in the block in which the node begins.
    private static void addCopies(Node node, List<Batch.Slice> copies) {
        Sequence sequence = Objects.requireNonNull(node.sequence);
        int first = node.start - node.start % KeyValueBlock.TOKENS;
        int end = node.start;
        for (Node from = node.parent; from != null && end > first; from = from.parent) {
            int start = Math.max(first, from.start);
            int row = from.row + start - from.start;
            copies.add(new Batch.Slice(sequence, row, end - start, start, sequence.table()));
            end = start;
        }
    }

    /// The row of a window's token in the batch.
    ///
    /// @param last the node of the window's last token
    int row(Node last, int position) {
        Node node = last.at(position);
        return node.row + position - node.start;
    }
}
