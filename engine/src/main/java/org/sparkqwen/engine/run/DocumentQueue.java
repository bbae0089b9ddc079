package org.sparkqwen.engine.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// Documents whose windows wait to be computed, in the order in which they came. Continuations of one prompt wait
/// together, where the first of them came.
final class DocumentQueue {
    private final SequencedMap<Object, Group> groups = new LinkedHashMap<>();
    private long tokens;

    /// Documents that wait together: continuations of one prompt, or a single document.
    static final class Group {
        final Deque<Document> documents = new ArrayDeque<>();
    }

    void add(Document document) {
        groups.computeIfAbsent(document.group(), _ -> new Group()).documents.add(document);
        tokens += document.inputs();
    }

    boolean isEmpty() {
        return groups.isEmpty();
    }

    /// The number of tokens of all windows, those that they share included.
    long tokens() {
        return tokens;
    }

    /// The documents that are next.
    Group first() {
        return groups.firstEntry().getValue();
    }

    /// Removes the first window of the first document, and the document if that was its last.
    void removeWindow() {
        Deque<Document> group = first().documents;
        Document document = group.getFirst();
        tokens -= document.firstWindow().inputs();
        document.removeFirstWindow();
        if (!document.hasWindow()) {
            group.removeFirst();
        }
        if (group.isEmpty()) {
            groups.pollFirstEntry();
        }
    }
}
