package org.sparkqwen.job.plan;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;

/// Simulates how hosts get a model by broadcast, see `BroadcastFiles`. The model is cut into ranges, and these into
/// pieces. Each host asks for the ranges in an order of its own, and for one piece after the other. It asks the driver
/// who has a piece, and then any of them. Whoever is asked serves one request after the other.
///
/// The driver's answer names all who have the piece. So its time for answers grows with the square of the hosts.
final class ModelSpread {
    /// The bytes of a piece, as Spark's `spark.broadcast.blockSize` says by default.
    static final long PIECE = 4L << 20;

    /// The pieces of a range of `FileRange`.
    private static final int PIECES = 8;

    /// The driver's time to answer who has a piece, without the names and for each name, in seconds. Measured: 29
    /// us for 100 names and 479 us for 1,000.
    static final double ANSWER_SECONDS = 30e-6;

    static final double ANSWER_SECONDS_A_HOLDER = 0.45e-6;

    private static final int DRIVER = 0;

    private final double transfer; // seconds of a piece
    private final Random random;
    private final List<List<Integer>> holders = new ArrayList<>(); // by piece
    private final Host[] hosts;
    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private double answering; // until when the driver answers what it was asked

    /// A piece of which a host knows who has it, or that has arrived there.
    ///
    /// @param arrived whether it has arrived
    /// @param from who sends it
    private record Event(double time, boolean arrived, int from, int to, int piece) implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            int byTime = Double.compare(time, other.time);
            return byTime != 0 ? byTime : Integer.compare(to, other.to);
        }
    }

    /// A host, or the driver.
    private static final class Host {
        private final int[] wanted; // pieces in the order in which the host asks for them
        private final Deque<Event> requests = new ArrayDeque<>();
        private int asked;
        private boolean sends;
        private double whole;

        Host(int[] wanted) {
            this.wanted = wanted;
        }
    }

    private ModelSpread(int count, int pieces, double transfer, long seed) {
        this.transfer = transfer;
        random = new Random(seed);
        for (int piece = 0; piece < pieces; piece++) {
            holders.add(new ArrayList<>(List.of(DRIVER)));
        }
        hosts = new Host[count + 1];
        for (int host = 0; host <= count; host++) {
            hosts[host] = new Host(host == DRIVER ? new int[0] : order(pieces));
        }
    }

    /// Returns the pieces with ranges in random order, and the pieces of a range in random order.
    private int[] order(int pieces) {
        List<Integer> ranges = new ArrayList<>();
        for (int range = 0; range < Math.ceilDiv(pieces, PIECES); range++) {
            ranges.add(range);
        }
        Collections.shuffle(ranges, random);
        int[] order = new int[pieces];
        int next = 0;
        for (int range : ranges) {
            int from = next;
            for (int piece = range * PIECES; piece < Math.min(pieces, (range + 1) * PIECES); piece++) {
                int place = from + random.nextInt(next - from + 1);
                order[next++] = order[place];
                order[place] = piece;
            }
        }
        return order;
    }

    /// Returns when each host has all of the model, in seconds.
    ///
    /// @param bandwidth the bytes a second that a host or the driver sends
    static double[] byBroadcast(long modelBytes, int hosts, double bandwidth, long seed) {
        int pieces = Math.toIntExact(Math.max(1, Math.ceilDiv(modelBytes, PIECE)));
        return new ModelSpread(hosts, pieces, (double) modelBytes / pieces / bandwidth, seed).run();
    }

    private double[] run() {
        for (int host = 1; host < hosts.length; host++) {
            askForNext(host, 0);
        }
        while (!events.isEmpty()) {
            Event event = events.remove();
            if (event.arrived) {
                holders.get(event.piece).add(event.to);
                hosts[event.from].sends = false;
                askForNext(event.to, event.time);
            } else {
                hosts[event.from].requests.add(event);
            }
            sendNext(event.from, event.time);
        }
        return Arrays.stream(hosts).skip(1).mapToDouble(host -> host.whole).toArray();
    }

    private void askForNext(int host, double now) {
        Host asking = hosts[host];
        if (asking.asked == asking.wanted.length) {
            asking.whole = now;
            return;
        }
        int piece = asking.wanted[asking.asked++];
        List<Integer> having = holders.get(piece);
        answering = Math.max(now, answering) + ANSWER_SECONDS + ANSWER_SECONDS_A_HOLDER * having.size();
        events.add(new Event(answering, false, having.get(random.nextInt(having.size())), host, piece));
    }

    private void sendNext(int host, double now) {
        Event request = hosts[host].sends ? null : hosts[host].requests.poll();
        if (request != null) {
            hosts[host].sends = true;
            events.add(new Event(now + transfer, true, host, request.to, request.piece));
        }
    }
}
