/// A model that the driver has checked, and the ways by which hosts come to it.
@NullMarked
package org.sparkqwen.job.model;

import org.jspecify.annotations.NullMarked;
