/** A build that cannot go on for a reason a person can act on. The message is one sentence that says what to do. */
export class GuestBuildFailure extends Error {
  override readonly name = "GuestBuildFailure";
}
