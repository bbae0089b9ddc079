package org.sparkqwen.engine.scheduler;

import java.util.ArrayDeque;
import java.util.Deque;

/// One caller's sequences in a [Scheduler]: those that wait for room, in the order in which they came, and the number
/// of those that have got it.
public final class SequenceQueue {
    final Deque<Sequence> waiting = new ArrayDeque<>();
    int running;
    long served; // when a sequence last got room; counts admissions
    private long waitingTokens;

    SequenceQueue() {}

    void add(Sequence sequence) {
        waiting.add(sequence);
        waitingTokens += sequence.length();
    }

    void remove(Sequence sequence) {
        if (waiting.remove(sequence)) {
            waitingTokens -= sequence.length();
        }
    }

    public int waiting() {
        return waiting.size();
    }

    /// The number of tokens of the prompts that wait.
    public long waitingTokens() {
        return waitingTokens;
    }
}
