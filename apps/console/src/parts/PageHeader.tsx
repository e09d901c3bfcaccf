import type { ReactNode } from "react";
import { useEffect } from "react";

export type PageHeaderProps = {
  title: string;
  /** What stands beside the title: a state label, a count. */
  aside?: ReactNode;
  subtitle?: ReactNode;
  breadcrumb?: ReactNode;
  actions?: ReactNode;
};

/** The head of every page; also names the browser's tab. */
export function PageHeader({ title, aside, subtitle, breadcrumb, actions }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Serai`;
  }, [title]);
  return (
    <header className="page-header">
      <div className="page-header__text">
        {breadcrumb}
        <div className="page-header__title">
          <h1>{title}</h1>
          {aside}
        </div>
        {subtitle !== undefined && <p className="page-header__subtitle">{subtitle}</p>}
      </div>
      {actions !== undefined && <div className="page-header__actions">{actions}</div>}
    </header>
  );
}
