package org.rapaio.jupyter.kernel.channels;

import org.rapaio.jupyter.kernel.MainApp;

/// Runs a body again and again until it is shut down. The kernel reads each of its channels in such a thread.
///
/// It takes the place of the class of this name in rapaio-jupyter-kernel 3.0.1, with which many kernels never answer on
/// a busy machine. That class sets `running` only after the thread was started, so a thread that is quick ends at once.
/// It also reads the first message before the kernel knows what to do with messages, and an exception ends the thread.
/// This class runs from the beginning, and waits until the kernel has its channels.
public final class LoopThread extends Thread {
    private final long sleep;
    private final Runnable body;
    private volatile boolean running = true;

    /// @param sleep the pause after each run of the body, in milliseconds
    public LoopThread(String name, long sleep, Runnable body) {
        super(name);
        this.sleep = sleep;
        this.body = body;
    }

    @Override
    public void run() {
        try {
            do {
                Thread.sleep(sleep);
            } while (MainApp.kernel.channels() == null);
            Thread.sleep(sleep); // the kernel learns of its channels just before they know its functions
            while (running) {
                body.run();
                Thread.sleep(sleep);
            }
        } catch (InterruptedException e) {
            running = false;
        }
    }

    public void shutdown() {
        running = false;
    }
}
