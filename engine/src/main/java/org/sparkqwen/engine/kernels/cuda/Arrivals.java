package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Pending;

/// Results on their way to the host, while the host goes on. Each is copied to pinned memory, and taken from there by
/// whoever waits for it.
///
/// A few may be under way. When a place is needed again, its results are taken first, so an operation for which nobody
/// waits holds no memory.
final class Arrivals {
    private static final int PLACES = 4;

    /// Pinned memory, the event that follows the copy to it, and what was copied last.
    private static final class Place {
        final Gpu.HostScratch memory;
        final long event;

        @Nullable
        Arrival last;

        Place(Gpu gpu) {
            memory = new Gpu.HostScratch(gpu);
            event = gpu.newEvent();
        }
    }

    /// One copy.
    private static final class Arrival implements Pending {
        private final Gpu gpu;
        private final long event;
        private final long mark;
        private final MemorySegment copy;
        private final Consumer<MemorySegment> taker;
        private boolean done;
        private boolean closed;

        Arrival(Gpu gpu, long event, long mark, MemorySegment copy, Consumer<MemorySegment> taker) {
            this.gpu = gpu;
            this.event = event;
            this.mark = mark;
            this.copy = copy;
            this.taker = taker;
        }

        @Override
        public synchronized boolean isDone() {
            return done;
        }

        @Override
        public synchronized void await() {
            if (done) {
                return;
            }
            if (closed) {
                throw new IllegalStateException("the engine is closed");
            }
            gpu.use().await(event, mark);
            taker.accept(copy);
            done = true;
        }

        synchronized void close() {
            closed = true;
        }
    }

    private final Gpu gpu;
    private final Place[] places = new Place[PLACES];
    private int next;

    Arrivals(Gpu gpu) {
        this.gpu = gpu;
        for (int i = 0; i < PLACES; i++) {
            places[i] = new Place(gpu);
        }
    }

    /// Starts to copy bytes of the device.
    ///
    /// @param taker gets the copy
    Pending start(long from, long bytes, Consumer<MemorySegment> taker) {
        Place place = places[next];
        next = (next + 1) % PLACES;
        if (place.last != null) {
            place.last.await();
        }
        MemorySegment copy = place.memory.reserve(bytes);
        long mark = gpu.startToHost(from, copy, place.event);
        Arrival arrival = new Arrival(gpu, place.event, mark, copy, taker);
        place.last = arrival;
        return arrival;
    }

    /// Frees everything when the device is idle. Who waits for results afterwards learns that there are none.
    void close() {
        for (Place place : places) {
            if (place.last != null) {
                place.last.close();
            }
            place.memory.free();
            gpu.freeEvent(place.event);
        }
    }
}
