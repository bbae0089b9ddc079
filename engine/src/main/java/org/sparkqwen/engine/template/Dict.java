package org.sparkqwen.engine.template;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Python's dictionary, whose entries stay in the order in which their keys were added. Keys are texts, whole
/// numbers, truth values and `None`. As in Python, 1, 1.0 and `True` are the same key.
final class Dict {
    /// The bytes of an entry and its place in the hash table.
    private static final int ENTRY_BYTES = 160;

    private final Map<Key, Entry> entries = new LinkedHashMap<>();
    private final Budget budget;

    Dict(Budget budget) {
        budget.bytes(2 * Budget.VALUE_BYTES);
        this.budget = budget;
    }

    record Entry(Object key, Object value) {}

    /// A key as the hash table compares it. Keys have an order, so a table in which many texts have the same
    /// hash stays fast.
    private record Key(int kind, String chars, long number) implements Comparable<Key> {
        private static final Key NONE = new Key(0, "", 0);

        /// Returns the key that `value` is, or null if such a value cannot be a key.
        static @Nullable Key of(Object value) {
            return switch (value) {
                case Text text -> new Key(2, text.toString(), 0);
                case Boolean bool -> new Key(1, "", bool ? 1 : 0);
                case Long number -> new Key(1, "", number);
                case Double number
                when Math.rint(number) == number && Math.abs(number) < 0x1p63 -> new Key(1, "", number.longValue());
                case None _ -> NONE;
                default -> null;
            };
        }

        @Override
        public int compareTo(Key other) {
            if (kind != other.kind) {
                return Integer.compare(kind, other.kind);
            }
            return number == other.number ? chars.compareTo(other.chars) : Long.compare(number, other.number);
        }
    }

    /// Sets an entry while the dictionary is made. A dictionary never changes afterwards.
    void put(Object key, Object value) {
        Key place = Key.of(key);
        if (place == null) {
            throw key instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s as a key is not supported".formatted(Values.type(key)));
        }
        charge(place, budget);
        budget.bytes(ENTRY_BYTES);
        Entry old = entries.get(place);
        entries.put(place, new Entry(old == null ? key : old.key(), value));
    }

    void putEach(Dict others) {
        for (Entry entry : others.entries()) {
            put(entry.key(), entry.value());
        }
    }

    @Nullable
    Object get(Object key, Budget reader) {
        Key place = Key.of(key);
        if (place == null) {
            return null;
        }
        charge(place, reader);
        Entry entry = entries.get(place);
        return entry == null ? null : entry.value();
    }

    /// Charges for the hash of a key, and for a few comparisons with keys that have the same hash.
    private static void charge(Key key, Budget budget) {
        budget.scan(8L * key.chars().length());
    }

    int size() {
        return entries.size();
    }

    boolean isEmpty() {
        return entries.isEmpty();
    }

    Collection<Entry> entries() {
        return entries.values();
    }

    Items keys(Budget maker) {
        Items keys = new Items(maker);
        for (Entry entry : entries()) {
            keys.add(entry.key());
        }
        return keys;
    }

    Items values(Budget maker) {
        Items values = new Items(maker);
        for (Entry entry : entries()) {
            values.add(entry.value());
        }
        return values;
    }

    /// Returns the entries, each as a tuple of key and value.
    Items pairs(Budget maker) {
        Items pairs = new Items(maker);
        for (Entry entry : entries()) {
            Items pair = new Items(maker);
            pair.add(entry.key());
            pair.add(entry.value());
            pairs.add(new Tuple(pair));
        }
        return pairs;
    }
}
